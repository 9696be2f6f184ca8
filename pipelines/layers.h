#pragma once
// Layer numbers as options take them.

#include "base/error.h"

#include <cstdint>
#include <string>
#include <vector>

namespace nepenthe::pipelines {

// Numbers from 0; ranges as "4-8". What cannot be read is added to `problems`, under the name of its option.
std::vector<std::int64_t> layer_numbers(const std::vector<std::string>& words, Problems& problems,
                                        const std::string& option = "--layers");

}  // namespace nepenthe::pipelines
