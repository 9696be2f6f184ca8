#pragma once
// Sets of code points as sorted ranges.

#include <algorithm>
#include <iterator>
#include <span>

namespace nepenthe::text {

struct CodePointRange {
    char32_t first, last;
};

inline bool contains(std::span<const CodePointRange> sorted, char32_t code_point) {
    const auto next = std::ranges::upper_bound(sorted, code_point, {}, &CodePointRange::first);
    return next != sorted.begin() && code_point <= std::prev(next)->last;
}

}  // namespace nepenthe::text
