#pragma once
// What a model's weights are, for journals: two models with one digest give the same results.

#include "model/decoder.h"

#include <string>

namespace nepenthe::evaluate {

// SHA-256 over names, dtypes, shapes and an XXH3 of the bytes of every weight. Reads all of them once.
std::string weights_digest(const model::Decoder& decoder);

}  // namespace nepenthe::evaluate
