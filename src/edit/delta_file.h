#pragma once
// Changes of matrices alone, as safetensors.
//     deltas.safetensors   per change NNNNNN:  NNNNNN.left [hidden, u] and NNNNNN.right [u, intermediate] (the change
//     is their
//                          product), or NNNNNN.full [hidden, intermediate] where that is smaller; fp32. Header
//                          metadata: "changes", a JSON array of {tensor, layer, transposed, norm, units}.
//     undo.safetensors     the edited tensors as the source's checkpoint held them, byte for byte.

#include "edit/edit.h"
#include "model/decoder.h"

#include <filesystem>
#include <string>
#include <vector>

namespace nepenthe::edit {

inline constexpr const char* kDeltaFile = "deltas.safetensors";
inline constexpr const char* kUndoFile = "undo.safetensors";

// One rank writes.
void write_deltas(const std::filesystem::path& path, const std::vector<Delta>& deltas, const model::Decoder& decoder);

// Reads them back, fp64; norms and layers from the metadata. Throws Error(kData).
std::vector<Delta> read_deltas(const std::filesystem::path& path);

// Copies the named tensors of a checkpoint folder into a file of their own, and from such a file into a decoder
// (fp32). restore_tensors throws Error(kData) where a tensor is not the decoder's.
void write_undo(const std::filesystem::path& path, const std::filesystem::path& source,
                const std::vector<std::string>& tensors);
void restore_tensors(const std::filesystem::path& path, model::Decoder& decoder);

}  // namespace nepenthe::edit
