#pragma once
// Masks made of masks of the same model.

#include "unlearn/attribution/mask_file.h"

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace nepenthe::unlearn {

enum class MaskOperation : std::uint8_t {
    kUnion,      // trainable where one of them says so
    kIntersect,  // trainable where all of them say so
    kInvert,     // trainable where the one does not say so
};

std::string_view mask_operation_name(MaskOperation operation);  // "union", "intersect", "invert"
// Throws Error(kUsage) with the names that there are.
MaskOperation parse_mask_operation(std::string_view name);

struct MaskSource {
    const MaskFile* file = nullptr;
    std::string selection;  // "" = the only one
    std::string digest;     // of its artefact
};

// A mask named after the operation; its claims name the sources. `comm` and `sources` must outlive it. Throws
// Error(kUsage) for a number of sources that the operation does not take, Error(kData) where they are of different
// models.
MaskContent composed_mask(const dist::Comm& comm, MaskOperation operation, const std::vector<MaskSource>& sources);

}  // namespace nepenthe::unlearn
