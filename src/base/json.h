#pragma once
// JSON from outside, bounded, and JSON of ours, canonical.

#include <nlohmann/json.hpp>

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace nepenthe {

// Object keys are kept sorted, so dump() of equal values gives equal bytes.
using Json = nlohmann::json;

struct JsonLimits {
    std::size_t max_bytes = 512u << 20;
    std::size_t max_depth = 64;
};

// Parses strict JSON in UTF-8. Duplicate keys, depth beyond the limit, numbers that overflow and trailing bytes are
// refused with the byte offset. Throws Error(kData); `what` names the input in the message.
Json parse_json(std::string_view text, std::string_view what, const JsonLimits& limits = {});

// The bytes that digests are taken of: sorted keys, no spaces, UTF-8. Throws Error(kData) where a string is not UTF-8,
// as the name of a file may be.
std::string canonical_json(const Json& value);

// The name of `known` nearest to `word` by edit distance, or "" when none is near. For "did you mean".
std::string nearest_name(std::string_view word, const std::vector<std::string>& known);

}  // namespace nepenthe
