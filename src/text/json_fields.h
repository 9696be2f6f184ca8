#pragma once
// Fields of tokenizer.json's components, read with every complaint collected.

#include "base/error.h"
#include "base/json.h"

#include <string>
#include <string_view>

namespace nepenthe::text {

// The component's "type", "" (and a problem) when there is none.
inline std::string component_type(const Json& component, std::string_view where, Problems& problems) {
    if (component.is_object()) {
        if (const auto type = component.find("type"); type != component.end() && type->is_string()) return *type;
    }
    problems.add("{}: not an object with a \"type\"", where);
    return "";
}

// The field, or `fallback` when it is absent or null.
template <typename Value>
Value field(const Json& component, const char* name, Value fallback, std::string_view where, Problems& problems) {
    const auto found = component.find(name);
    if (found == component.end() || found->is_null()) return fallback;
    bool fits = false;
    if constexpr (std::is_same_v<Value, bool>) {
        fits = found->is_boolean();
    } else if constexpr (std::is_same_v<Value, std::string>) {
        fits = found->is_string();
    } else {
        fits = found->is_number_unsigned();
    }
    if (!fits) {
        problems.add("{}: \"{}\" is {}", where, name, found->dump().substr(0, 40));
        return fallback;
    }
    return found->template get<Value>();
}

}  // namespace nepenthe::text
