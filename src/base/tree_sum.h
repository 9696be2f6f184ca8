#pragma once
// Sums whose bits do not depend on who computed the parts: a fixed binary tree over block ids, in fp64.

#include <span>
#include <vector>

namespace nepenthe {

// Sum of `parts` (index = block id) as a balanced tree: halves are summed first, then added.
inline double tree_sum(std::span<const double> parts) {
    if (parts.empty()) return 0.0;
    if (parts.size() == 1) return parts[0];
    const std::size_t half = parts.size() / 2;
    return tree_sum(parts.first(half)) + tree_sum(parts.subspan(half));
}

}  // namespace nepenthe
