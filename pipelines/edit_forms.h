#pragma once
// `edit` has three forms with options of their own: methods that write into MLP matrices, WISE, and IKE.

#include "pipelines/options.h"

#include <string>
#include <vector>

namespace nepenthe::pipelines {

// What --method is, from whatever source; "" where nothing says it.
std::string method_word(const Arguments& arguments);
// Every name that --method takes.
std::vector<std::string> all_method_names();

// Names of the options of each form.
std::vector<std::string> matrix_option_names();
std::vector<std::string> wise_option_names();
std::vector<std::string> ike_option_names();
// Of all three, each once: a config file may hold what another form reads.
std::vector<std::string> option_names_of_all_forms();

}  // namespace nepenthe::pipelines
