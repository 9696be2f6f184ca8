#pragma once
// The words of closed sets, as help texts show them: each every name that its parser (facts.h) accepts.

#include <string>
#include <vector>

namespace nepenthe::edit {

std::vector<std::string> fact_format_names();
std::vector<std::string> unlearning_target_names();
std::vector<std::string> zsre_convention_names();

}  // namespace nepenthe::edit
