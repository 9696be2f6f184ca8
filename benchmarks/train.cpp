// Times whole training steps: forward, backward, clipping, AdamW.
//     benchmark_train MODEL fp32|bf16 BATCH LENGTH THREADS STEPS
// Prints one JSON object: tokens a second of the fastest step after the first, and of its processor time (all threads
// together, averaged over steps), peak memory in MiB, and the rate in GFLOP/s of a square matrix product in the same
// precision right after, which is the machine's own limit.
#include "base/error.h"
#include "base/log.h"
#include "dist/collectives.h"
#include "dist/comm.h"
#include "model/decoder.h"
#include "model/gemm.h"
#include "model/memory.h"
#include "train/sequence_objective.h"
#include "train/trainer.h"

#include <ATen/Parallel.h>
#include <torch/types.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <ctime>
#include <string>

#include <sys/resource.h>

namespace {

namespace dist = nepenthe::dist;
namespace model = nepenthe::model;
namespace train = nepenthe::train;

double product_rate(at::ScalarType dtype) {
    constexpr std::int64_t kSide = 2048;
    const at::Tensor a = at::randn({kSide, kSide}).to(dtype), b = at::randn({kSide, kSide}).to(dtype);
    double best = 0;
    for (int round = 0; round < 8; ++round) {
        const auto start = std::chrono::steady_clock::now();
        model::matrix_product(a, b.t());
        const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
        best = std::max(best, 2e-9 * static_cast<double>(kSide * kSide * kSide) / seconds.count());
    }
    return best;
}

void run(const dist::Comm& comm, char** arguments) {
    const bool low = std::string(arguments[2]) == "bf16";
    const std::int64_t rows = std::stoll(arguments[3]), length = std::stoll(arguments[4]);
    at::set_num_threads(std::stoi(arguments[5]));
    model::Decoder decoder =
        model::Decoder::load(arguments[1], low ? model::Compute::kBFloat16 : model::Compute::kFloat32);
    train::TrainOptions options;
    options.global_batch = options.micro_batch = rows;
    options.max_steps = std::stoll(arguments[6]) + 1;
    options.checkpoint_minutes = 0;
    const auto sample = [&](std::int64_t index) {
        std::vector<nepenthe::text::TokenId> ids(static_cast<std::size_t>(length));
        for (std::int64_t t = 0; t < length; ++t) {
            ids[static_cast<std::size_t>(t)] = static_cast<nepenthe::text::TokenId>((index * length + t) % 1000 + 10);
        }
        return train::causal_sample(ids);
    };
    const auto collectives = dist::make_mpi_collectives(comm);
    double fastest = 1e30;
    std::clock_t first_end = 0;
    train::SampleObjective objective(rows, sample);
    train::train(comm, *collectives, decoder, objective, options, {}, [&](const train::StepReport& step) {
        if (step.step == 1) {
            first_end = std::clock();
        } else {
            fastest = std::min(fastest, step.seconds);
        }
        return true;
    });
    const double processor = static_cast<double>(std::clock() - first_end) / CLOCKS_PER_SEC;
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    const double tokens = static_cast<double>(rows * length), steps = static_cast<double>(options.max_steps - 1);
    std::printf("{\"tokens\": %.1f, \"tokens_processor\": %.1f, \"peak_mib\": %.0f, \"product_gflops\": %.1f}\n",
                tokens / fastest, tokens * steps / processor, static_cast<double>(usage.ru_maxrss) / 1024.0,
                product_rate(low ? at::kBFloat16 : at::kFloat));
}

}  // namespace

int main(int count, char** arguments) {
    if (count != 7) {
        std::fprintf(stderr, "usage: benchmark_train MODEL fp32|bf16 BATCH LENGTH THREADS STEPS\n");
        return static_cast<int>(nepenthe::ErrorKind::kUsage);
    }
    model::keep_freed_memory();
    const dist::Session session(&count, &arguments);
    try {
        run(session.world(), arguments);
    } catch (const std::exception& error) {
        std::fprintf(stderr, "benchmark_train: %s\n", error.what());
        return 1;
    }
    return 0;
}
