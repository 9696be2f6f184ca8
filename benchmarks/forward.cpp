// Times the decoder's blocks, without the head: forward alone, and forward + backward of a trivial loss.
//     benchmark_forward MODEL fp32|bf16 BATCH LENGTH THREADS ROUNDS
// Prints one JSON object with the best round of each: tokens a second, and tokens a second of processor time (all
// threads together), which a busy machine distorts less.
#include "base/error.h"
#include "model/decoder.h"
#include "model/memory.h"

#include <ATen/Parallel.h>
#include <torch/types.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <ctime>
#include <functional>
#include <string>

namespace {

using nepenthe::model::Batch;
using nepenthe::model::Compute;
using nepenthe::model::Decoder;

struct Seconds {
    double wall = 1e30, processor = 1e30;
};

Seconds best_of(int rounds, const std::function<void()>& work) {
    Seconds best;
    for (int round = 0; round <= rounds; ++round) {  // the first warms up
        const auto start = std::chrono::steady_clock::now();
        const std::clock_t processor_start = std::clock();
        work();
        const double wall = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
        const double processor = static_cast<double>(std::clock() - processor_start) / CLOCKS_PER_SEC;
        if (round > 0) {
            best = {std::min(best.wall, wall), std::min(best.processor, processor)};
        }
    }
    return best;
}

void run(char** arguments) {
    const Compute compute = std::string(arguments[2]) == "bf16" ? Compute::kBFloat16 : Compute::kFloat32;
    const std::int64_t rows = std::stoll(arguments[3]), length = std::stoll(arguments[4]);
    at::set_num_threads(std::stoi(arguments[5]));
    const int rounds = std::stoi(arguments[6]);
    const Decoder decoder = Decoder::load(arguments[1], compute);
    const Batch batch{at::arange(rows * length, at::kLong).reshape({rows, length}).remainder(1000).add(10), {}};
    const Seconds forward = best_of(rounds, [&] {
        const at::NoGradGuard no_grad;
        decoder.hidden_states(batch);
    });
    for (const auto& parameter : decoder.parameters()) {
        // The embedding's gradient is the head's affair in training.
        parameter.tensor.requires_grad_(!parameter.tensor.is_same(decoder.embedding()));
    }
    const Seconds both = best_of(rounds, [&] {
        decoder.hidden_states(batch).to(at::kFloat).sum().backward();
        for (const auto& parameter : decoder.parameters()) {
            parameter.tensor.mutable_grad() = at::Tensor();
        }
    });
    const double tokens = static_cast<double>(rows * length);
    std::printf(
        "{\"forward\": %.1f, \"forward_backward\": %.1f, \"forward_processor\": %.1f, "
        "\"forward_backward_processor\": %.1f}\n",
        tokens / forward.wall, tokens / both.wall, tokens / forward.processor, tokens / both.processor);
}

}  // namespace

int main(int count, char** arguments) {
    if (count != 7) {
        std::fprintf(stderr, "usage: benchmark_forward MODEL fp32|bf16 BATCH LENGTH THREADS ROUNDS\n");
        return static_cast<int>(nepenthe::ErrorKind::kUsage);
    }
    nepenthe::model::keep_freed_memory();
    try {
        run(arguments);
    } catch (const nepenthe::Error& error) {
        std::fprintf(stderr, "%s\n", error.what());
        return error.exit_code();
    }
    return 0;
}
