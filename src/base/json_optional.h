#pragma once
// Numbers that may be missing: null in JSON.

#include "base/json.h"

#include <optional>

namespace nepenthe {

inline Json optional_json(const std::optional<double>& value) { return value ? Json(*value) : Json(); }

inline std::optional<double> json_optional(const Json& value) {
    return value.is_null() ? std::nullopt : std::optional<double>(value.get<double>());
}

}  // namespace nepenthe
