#pragma once
// The words of closed sets, as help texts show them: each every name that its parser (edit_options.h) accepts.

#include <string>
#include <vector>

namespace nepenthe::edit {

std::vector<std::string> mode_names();
std::vector<std::string> shared_subjects_names();
std::vector<std::string> residual_names();
std::vector<std::string> value_site_names();

}  // namespace nepenthe::edit
