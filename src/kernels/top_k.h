#pragma once
// The largest entries of a row of logits.

#include "kernels/dispatch.h"

#include <cstdint>
#include <span>
#include <vector>

namespace nepenthe::kernels {

// Indices of the k = out.size() largest entries, by falling value, ties by rising index; 1 ≤ k ≤ row.size(). `scratch`
// keeps memory from row to row. Entries are finite.
void row_top_k(std::span<const float> row, std::vector<std::int32_t>& scratch, std::span<std::int32_t> out,
               Path path = path_in_use());

}  // namespace nepenthe::kernels
