// Times whole training steps (forward, backward, clipping, AdamW) on random tokens, for train.py.
//     benchmark_train MODEL fp32|bf16 BATCH LENGTH THREADS STEPS
// Prints one JSON object: seconds of every step, tokens a step, peak memory. Under mpirun the batch is dealt to the ranks.
#include "base/error.h"
#include "base/random.h"
#include "dist/collectives.h"
#include "dist/guard.h"
#include "model/memory.h"
#include "train/trainer.h"

#include <ATen/Parallel.h>
#include <torch/types.h>

#include <sys/resource.h>

#include <cstdio>
#include <string>
#include <vector>

namespace {

using namespace nepenthe;

int run(const dist::Comm& world, const std::vector<std::string>& words) {
    if (words.size() != 6) {
        fail(ErrorKind::kUsage, "usage: benchmark_train MODEL fp32|bf16 BATCH LENGTH THREADS STEPS");
    }
    const auto compute = words[1] == "bf16" ? model::Compute::kBFloat16 : model::Compute::kFloat32;
    at::set_num_threads(std::stoi(words[4]));
    model::keep_freed_memory();
    auto decoder = model::Decoder::load(words[0], compute);
    const auto collectives = dist::make_mpi_collectives(world);

    train::TrainOptions options;
    options.global_batch = std::stol(words[2]);
    options.micro_batch = std::max<std::int64_t>(1, options.global_batch / world.size());
    options.max_steps = std::stol(words[5]);
    const std::int64_t length = std::stol(words[3]);
    const auto vocabulary = static_cast<std::uint64_t>(decoder.config().vocabulary);
    const auto sample = [&](std::int64_t index) {
        RandomStream stream(0, "benchmark.train", static_cast<std::uint64_t>(index));
        std::vector<text::TokenId> ids;
        for (std::int64_t t = 0; t < length; ++t) ids.push_back(static_cast<text::TokenId>(stream.below(vocabulary)));
        return train::causal_sample(ids);
    };
    const auto report = train::train(world, *collectives, decoder, 64, sample, options, {});
    if (!world.is_root()) return 0;
    std::string seconds;
    for (const auto& step : report.steps) seconds += fmt::format("{}{}", seconds.empty() ? "" : ", ", step.seconds);
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    std::printf("{\"seconds\": [%s], \"tokens\": %ld, \"peak_kib\": %ld}\n", seconds.c_str(),
                static_cast<long>(report.steps.front().tokens), usage.ru_maxrss);
    return 0;
}

}  // namespace

int main(int argc, char** argv) {
    const std::vector<std::string> words(argv + 1, argv + argc);
    return dist::run_guarded(argc, argv, [&](const dist::Comm& world) { return run(world, words); });
}
