#pragma once
// The weights of one step beside a run, as they are in memory.

#include "model/decoder.h"

#include <cstdint>
#include <filesystem>

namespace nepenthe::unlearn {

// Writes all parameters under a temporary name and renames. Not collective.
void save_weights(const model::Decoder& decoder, std::int64_t step, const std::filesystem::path& path);
// Reads them back into `decoder`. Throws Error(kData) when the file is of another step or model.
void load_weights(model::Decoder& decoder, std::int64_t step, const std::filesystem::path& path);

}  // namespace nepenthe::unlearn
