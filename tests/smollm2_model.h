#pragma once
// SmolLM2-135M-Instruct, which the tests with the label `real` read.

#include "model/decoder.h"
#include "text/tokenizer.h"

#include <filesystem>

namespace nepenthe::testing {

inline const std::filesystem::path kSmolLm2Folder = NEPENTHE_DEPS "/models/smollm2-135m-instruct";

struct SmolLm2 {
    model::Decoder decoder = model::Decoder::load(kSmolLm2Folder, model::Compute::kFloat32);
    text::Tokenizer tokenizer = text::Tokenizer::load(kSmolLm2Folder);
};

// Loaded once, for tests that leave its weights alone.
inline SmolLm2& smollm2() {
    static SmolLm2 value;
    return value;
}

}  // namespace nepenthe::testing
