#pragma once
// How many weights a mask lets move, as text.

#include "base/json.h"

#include <string>

namespace nepenthe::pipelines {

// `density` as unlearn::WrittenMasks has it.
std::string density_text(const Json& density);

}  // namespace nepenthe::pipelines
