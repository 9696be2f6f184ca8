#pragma once
// Whole numbers out of JSON: nlohmann's get() casts whatever number there is.

#include "base/json.h"

#include <fmt/format.h>

#include <concepts>
#include <utility>
#include <vector>

namespace nepenthe {

// A whole number that T holds. Throws Json::type_error, as get() does where there is no number at all, also for one
// with a fraction or an exponent, and for one outside T's range.
template <std::integral T>
T json_whole(const Json& value) {
    if (value.is_number_unsigned()) {
        const auto number = value.get<std::uint64_t>();
        if (std::in_range<T>(number)) return static_cast<T>(number);
    } else if (value.is_number_integer()) {
        const auto number = value.get<std::int64_t>();
        if (std::in_range<T>(number)) return static_cast<T>(number);
    }
    throw Json::type_error::create(302, fmt::format("{} is not a whole number of its range", value.dump()), &value);
}

// All of a list.
template <std::integral T>
std::vector<T> json_wholes(const Json& list) {
    if (!list.is_array()) throw Json::type_error::create(302, fmt::format("{} is no list", list.dump()), &list);
    std::vector<T> numbers;
    for (const Json& value : list) numbers.push_back(json_whole<T>(value));
    return numbers;
}

}  // namespace nepenthe
