#include "pipelines/edit_forms.h"

#include "edit/edit_options.h"

#include <set>

namespace nepenthe::pipelines {

std::string method_word(const Arguments& arguments) {
    std::string method;
    Options options("edit", "", "");
    options.add("method", method, "");
    options.peek(arguments);
    return method;
}

std::vector<std::string> all_method_names() {
    std::vector<std::string> names = edit::method_names();
    names.insert(names.end(), {"wise", "ike"});
    return names;
}

std::vector<std::string> option_names_of_all_forms() {
    std::set<std::string> all;
    for (const auto& names : {matrix_option_names(), wise_option_names(), ike_option_names()})
        all.insert(names.begin(), names.end());
    return {all.begin(), all.end()};
}

}  // namespace nepenthe::pipelines
