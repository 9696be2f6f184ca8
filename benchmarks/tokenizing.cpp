// Times encoding, with offsets, for tokenizing.py.
//     benchmark_tokenizing TOKENIZER FILE
// Prints the seconds of loading; then, for every line on standard input, the seconds of one encode and its tokens.
#include "base/error.h"
#include "io/file.h"
#include "text/tokenizer.h"

#include <chrono>
#include <cstdio>
#include <iostream>
#include <string>

namespace {

double seconds_since(std::chrono::steady_clock::time_point start) {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

void run(const std::string& tokenizer_path, const std::string& file) {
    const std::string text = nepenthe::io::read_file(file);
    const auto start = std::chrono::steady_clock::now();
    const auto tokenizer = nepenthe::text::Tokenizer::load(tokenizer_path);
    std::printf("%.6f\n", seconds_since(start));
    std::fflush(stdout);
    for (std::string line; std::getline(std::cin, line);) {
        const auto begin = std::chrono::steady_clock::now();
        const auto encoding = tokenizer.encode(text, true);
        std::printf("%.6f %zu\n", seconds_since(begin), encoding.ids.size());
        std::fflush(stdout);
    }
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 3) {
        std::fprintf(stderr, "usage: benchmark_tokenizing TOKENIZER FILE\n");
        return 64;
    }
    try {
        run(argv[1], argv[2]);
    } catch (const nepenthe::Error& error) {
        std::fprintf(stderr, "benchmark_tokenizing: %s\n", error.what());
        return error.exit_code();
    }
    return 0;
}
