#pragma once
// std::ranges::contains of C++23.

#include <algorithm>
#include <iterator>

namespace nepenthe {

template <typename Range, typename Value>
bool contains(const Range& range, const Value& value) {
    return std::ranges::find(range, value) != std::ranges::end(range);
}

}  // namespace nepenthe
