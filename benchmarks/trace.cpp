// benchmark_trace MODEL FACTS PROMPT [THREADS]: seconds of processor and of the clock that tracing one fact takes, a
// kind at a time and all kinds together, the model loaded beforehand.

#include "edit/trace/trace.h"
#include "model/memory.h"

#include <ATen/Parallel.h>
#include <torch/types.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <ctime>

int main(int argc, char** argv) {
    using namespace nepenthe;
    if (argc < 4) {
        std::fprintf(stderr, "usage: benchmark_trace MODEL FACTS PROMPT [THREADS]\n");
        return 64;
    }
    at::set_num_threads(argc > 4 ? std::stoi(argv[4]) : 1);
    model::keep_freed_memory();
    const auto decoder = model::Decoder::load(argv[1], model::Compute::kFloat32);
    const auto tokenizer = text::Tokenizer::load(argv[1]);
    const auto facts = edit::read_trace_prompts(argv[2]).prompts;
    const auto fact = std::find_if(facts.begin(), facts.end(), [&](const auto& one) { return one.prompt == argv[3]; });
    if (fact == facts.end()) return 65;
    const edit::TraceTokens tokens = edit::tokenise(tokenizer, *fact);
    const at::Tensor noise =
        edit::trace_noise(0, 0, 10, tokens.subject.end - tokens.subject.begin, decoder.config().hidden, 3.09);
    const auto time = [&](const char* name, const std::vector<edit::TraceKind>& kinds) {
        const auto start = std::chrono::steady_clock::now();
        const std::clock_t processor = std::clock();
        const edit::FactTrace trace = edit::trace_fact(decoder, tokens, noise, {.kinds = kinds, .severed = false});
        const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
        std::printf(
            "{\"kinds\": \"%s\", \"tokens\": %zu, \"seconds\": %.3f, \"processor_seconds\": %.3f, \"high\": %.6f}\n",
            name, tokens.ids.size(), seconds, static_cast<double>(std::clock() - processor) / CLOCKS_PER_SEC,
            trace.high);
    };
    using enum edit::TraceKind;
    time("state", {kState});
    time("mlp", {kMlp});
    time("all", {kState, kMlp, kAttention});
}
