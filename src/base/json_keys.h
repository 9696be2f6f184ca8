#pragma once
// Objects that people write: keys that nobody reads are mistakes, and are told.

#include "base/error.h"
#include "base/json.h"

#include <string>
#include <vector>

namespace nepenthe {

// Keys of an object that `known` does not have become problems, with the nearest one that it has.
void check_keys(const Json& object, const std::vector<std::string>& known, const std::string& where,
                Problems& problems);

}  // namespace nepenthe
