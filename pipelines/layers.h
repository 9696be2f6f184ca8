#pragma once
// Layer numbers as options take them.

#include <cstdint>
#include <string>
#include <vector>

namespace nepenthe::pipelines {

// A number from 0, or a range as "4-8". Throws std::string, a reason, for anything else.
std::vector<std::int64_t> layer_numbers(const std::string& word);

}  // namespace nepenthe::pipelines
