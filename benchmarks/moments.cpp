// benchmark_moments MODEL CORPUS TOKENS LAYERS [THREADS [BATCH_TOKENS]]: seconds of processor and of the clock that one
// pass over the keys of these layers (comma-separated) takes, 512-token windows, the model loaded beforehand.

#include "edit/keys/key_pass.h"
#include "edit/keys/moment_windows.h"
#include "edit/keys/packed_triangle.h"
#include "io/text.h"
#include "model/memory.h"

#include <ATen/Parallel.h>
#include <torch/types.h>

#include <chrono>
#include <cstdio>
#include <ctime>
#include <sstream>

int main(int argc, char** argv) {
    using namespace nepenthe;
    if (argc < 5) {
        std::fprintf(stderr, "usage: benchmark_moments MODEL CORPUS TOKENS LAYERS [THREADS [BATCH_TOKENS]]\n");
        return 64;
    }
    at::set_num_threads(argc > 5 ? std::stoi(argv[5]) : 1);
    model::keep_freed_memory();
    const auto decoder = model::Decoder::load(argv[1], model::Compute::kFloat32);
    const auto tokenizer = text::Tokenizer::load(argv[1]);
    const auto windows =
        edit::cut_windows({io::read_text(argv[2])}, tokenizer, {.length = 512, .tokens = std::stol(argv[3])});
    std::vector<std::int64_t> layers;
    std::stringstream list(argv[4]);
    for (std::string layer; std::getline(list, layer, ',');) layers.push_back(std::stol(layer));

    std::vector<edit::OuterProductSum> sums(layers.size(), edit::OuterProductSum(decoder.config().intermediate));
    const auto start = std::chrono::steady_clock::now();
    const std::clock_t processor = std::clock();
    const edit::WindowGroup all = edit::deal_windows(windows, {0, windows.size()}, 1, 1).front();
    for (const auto& batch : edit::batch_windows(windows, all, argc > 6 ? std::stol(argv[6]) : 4096)) {
        edit::visit_keys(decoder, batch, layers, [&](std::size_t i, const at::Tensor& keys) { sums[i].add(keys); });
    }
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    std::printf("{\"tokens\": %lld, \"seconds\": %.3f, \"processor_seconds\": %.3f}\n",
                static_cast<long long>(edit::count_tokens(windows)), seconds,
                static_cast<double>(std::clock() - processor) / CLOCKS_PER_SEC);
}
