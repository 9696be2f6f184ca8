#pragma once
// Changes of a matrix that several side memories share: which entries each may touch, and how they become one.
// specs: editing.md §8.

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

namespace nepenthe::edit {

// Bernoulli(ratio) over [rows, columns] as 0 and 1 in fp32, a pure function of (seed, shard).
at::Tensor shard_mask(std::int64_t rows, std::int64_t columns, double ratio, std::uint64_t seed, std::uint64_t shard);

// TIES (arXiv 2306.01708): of each change the share `density` of largest entries stays (fewer where entries tie at its
// border); an entry's sign is that of the weighted sum; the mean runs over the changes that agree with it.
at::Tensor merge_changes(const std::vector<at::Tensor>& changes, const std::vector<double>& weights, double density);

}  // namespace nepenthe::edit
