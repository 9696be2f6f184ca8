#pragma once
// Quantised checkpoints are recognised by what config.json says and by what their tensors are called, and refused by
// the name of the method with what helps.

#include "base/json.h"

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace nepenthe::model {

// The method that config.json names ("gptq"; "by an unnamed method" where it does not), "" for weights that are not
// quantised.
std::string quantisation_of(const Json& config);

// The method by which a tensor of this name was quantised, "" for the names that plain checkpoints use.
std::string_view quantisation_of_tensor(std::string_view name);

// Throws Error(kData) that says what was found and how to get a folder that is not quantised. `where` is empty where
// the folder is not known.
[[noreturn]] void refuse_quantised(std::string_view method, const std::filesystem::path& where);

}  // namespace nepenthe::model
