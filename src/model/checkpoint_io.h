#pragma once
// Saving a decoder as a Hugging Face folder: the source's tensor names, dtypes, shards and side files, byte for byte
// where nothing changed.

#include "model/decoder.h"

#include <filesystem>

namespace nepenthe::model {

// Writes the model into `target` (an existing, unpublished folder): weights rounded once to the dtypes of `source`'s
// checkpoint, in its shards and order; its side files (model_files.h) copied byte for byte; its side memory, if any.
// Where `source` is empty (a model made from scratch) a single model.safetensors in fp32 is written.
// Not collective: one rank writes.
void save_model(const Decoder& decoder, const std::filesystem::path& source, const std::filesystem::path& target);

}  // namespace nepenthe::model
