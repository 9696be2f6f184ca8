#pragma once
// What a model in memory is, for journals: two with one digest give the same results.

#include "model/decoder.h"

#include <string>

namespace nepenthe::evaluate {

// SHA-256 over the configuration, names, dtypes, shapes and an XXH3 of the bytes of every weight, the side memory, the
// compute dtype and the kind of device. Reads all weights once.
std::string weights_digest(const model::Decoder& decoder);

}  // namespace nepenthe::evaluate
