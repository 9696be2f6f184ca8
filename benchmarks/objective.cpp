// Times whole steps of a forgetting objective on questions with answers.
//     benchmark_objective MODEL fp32|bf16 OBJECTIVE FORGET.jsonl RETAIN.jsonl BATCH THREADS STEPS
// Prints one JSON object: items a second of the fastest step after the first, tokens of a step on both sides, peak
// memory in MiB, and the loss of the first step. What must be known of the start is computed before the first step.
#include "base/error.h"
#include "dist/collectives.h"
#include "dist/comm.h"
#include "model/decoder.h"
#include "model/memory.h"
#include "text/tokenizer.h"
#include "train/trainer.h"
#include "unlearn/objectives/forget_objective.h"

#include <ATen/Parallel.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <string>

#include <sys/resource.h>
#include <unistd.h>

namespace {

namespace dist = nepenthe::dist;
namespace model = nepenthe::model;
namespace train = nepenthe::train;
namespace unlearn = nepenthe::unlearn;

void run(const dist::Comm& comm, char** arguments) {
    const bool low = std::string(arguments[2]) == "bf16";
    at::set_num_threads(std::stoi(arguments[7]));
    model::Decoder decoder =
        model::Decoder::load(arguments[1], low ? model::Compute::kBFloat16 : model::Compute::kFloat32);
    const auto tokenizer = nepenthe::text::Tokenizer::load(arguments[1]);
    unlearn::ForgetDataFiles files;
    files.forget = {arguments[4]};
    files.retain = {arguments[5]};
    const unlearn::ForgetData data(files, tokenizer, 0);
    unlearn::ObjectiveChoice choice;
    choice.kind = &unlearn::objective_kind(arguments[3]);
    choice.values = unlearn::default_values(*choice.kind);
    train::TrainOptions options;
    options.global_batch = options.micro_batch = std::stoll(arguments[6]);
    options.max_steps = std::stoll(arguments[8]) + 1;
    options.checkpoint_minutes = 0;
    const auto work = std::filesystem::temp_directory_path() / ("benchmark_objective-" + std::to_string(::getpid()));
    const auto objective = unlearn::make_objective(comm, decoder, data, choice, options.max_steps, 0, work);
    const auto collectives = dist::make_mpi_collectives(comm);
    double fastest = 1e30, first_loss = 0;
    std::int64_t tokens = 0;
    train::train(comm, *collectives, decoder, *objective, options, {}, [&](const train::StepReport& step) {
        if (step.step == 1) {
            first_loss = step.loss;
        } else if (step.seconds < fastest) {
            fastest = step.seconds;
            tokens = step.tokens;
        }
        return true;
    });
    std::filesystem::remove_all(work);
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    std::printf("{\"items\": %.3f, \"tokens\": %.1f, \"peak_mib\": %.0f, \"first_loss\": %.6f}\n",
                static_cast<double>(options.global_batch) / fastest, static_cast<double>(tokens) / fastest,
                static_cast<double>(usage.ru_maxrss) / 1024.0, first_loss);
}

}  // namespace

int main(int count, char** arguments) {
    if (count != 9) {
        std::fprintf(stderr,
                     "usage: benchmark_objective MODEL fp32|bf16 OBJECTIVE FORGET RETAIN BATCH THREADS STEPS\n");
        return static_cast<int>(nepenthe::ErrorKind::kUsage);
    }
    model::keep_freed_memory();
    const dist::Session session(&count, &arguments);
    try {
        run(session.world(), arguments);
    } catch (const std::exception& error) {
        std::fprintf(stderr, "benchmark_objective: %s\n", error.what());
        return 1;
    }
    return 0;
}
