#pragma once
// Gemma 3 270M, which the tests with the label `real` read.

#include "model/decoder.h"
#include "text/tokenizer.h"

#include <cstdint>
#include <cstdlib>
#include <filesystem>

namespace nepenthe::testing {

inline const std::filesystem::path kGemmaFolder = NEPENTHE_DEPS "/models/gemma-3-270m";

struct Gemma {
    model::Decoder decoder = model::Decoder::load(kGemmaFolder, model::Compute::kFloat32);
    text::Tokenizer tokenizer = text::Tokenizer::load(kGemmaFolder);
};

// Loaded once, for tests that leave its weights alone.
inline Gemma& gemma() {
    static Gemma value;
    return value;
}

// How many golden items are looked at: NEPENTHE_GOLDEN_ITEMS, or so many.
inline std::int64_t golden_items(std::int64_t otherwise) {
    const char* text = std::getenv("NEPENTHE_GOLDEN_ITEMS");
    return text != nullptr ? std::atoll(text) : otherwise;
}

}  // namespace nepenthe::testing
