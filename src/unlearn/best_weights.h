#pragma once
// The weights of single steps beside a run, as they are in memory.

#include "model/decoder.h"

#include <cstdint>
#include <filesystem>
#include <set>

namespace nepenthe::unlearn {

// FOLDER/best-00000012.safetensors
std::filesystem::path weights_path(const std::filesystem::path& folder, std::int64_t step);
// Writes all parameters under a temporary name and renames. Not collective.
void save_weights(const model::Decoder& decoder, std::int64_t step, const std::filesystem::path& folder);
// Reads them back into `decoder`. Throws Error(kData) when the file is of another step or model.
void load_weights(model::Decoder& decoder, std::int64_t step, const std::filesystem::path& folder);
// Removes those of all other steps. Not collective.
void keep_weights(const std::set<std::int64_t>& steps, const std::filesystem::path& folder);

}  // namespace nepenthe::unlearn
