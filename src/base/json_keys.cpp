#include "base/json_keys.h"

#include <algorithm>

namespace nepenthe {

void check_keys(const Json& object, const std::vector<std::string>& known, const std::string& where,
                Problems& problems) {
    for (const auto& [key, value] : object.items()) {
        if (std::ranges::find(known, key) != known.end()) continue;
        const std::string near = nearest_name(key, known);
        problems.add("{}: unknown key \"{}\"{}", where, key, near.empty() ? "" : ", did you mean \"" + near + "\"?");
    }
}

}  // namespace nepenthe
