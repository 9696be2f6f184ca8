#pragma once
// What stands before the tensors' bytes: the header of one file and the index of a sharded checkpoint. Pure functions
// of bytes, so that they can be fuzzed.

#include "io/safetensors.h"

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace nepenthe::io {

// A header beyond this is refused, as the published reader does.
inline constexpr std::uint64_t kMaxSafetensorsHeader = 100'000'000;

struct SafetensorsHeader {
    struct Entry {
        DType dtype = DType::kF32;
        std::vector<std::int64_t> shape;
        std::uint64_t begin = 0, end = 0;  // in the file
    };
    std::map<std::string, Entry> entries;
    std::map<std::string, std::string> metadata;
    std::vector<std::string> order;  // names by (begin, end, name)
};

// Checks the whole file except the tensors' values. Throws Error(kData) that lists every problem.
SafetensorsHeader parse_safetensors_header(Bytes file, std::string_view what);

// The "weight_map" of model.safetensors.index.json: tensor → shard. Shard names are plain file names. Throws
// Error(kData) that lists every problem.
std::map<std::string, std::string> parse_shard_index(std::string_view text, std::string_view what);

}  // namespace nepenthe::io
