#pragma once
// A list cut into blocks by what its items hold, so that leaving an item out changes its own block and hardly ever
// another: what was computed for a block is found again by a run on a subset, or a superset, of the items.

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace nepenthe::store {

struct BlockRange {
    std::size_t begin, end;
    std::size_t size() const { return end - begin; }
};

// Blocks of about `mean` items, twice that at most, in order; a block ends behind an item whose digest says so.
std::vector<BlockRange> content_blocks(std::span<const std::uint64_t> digests, std::size_t mean);

}  // namespace nepenthe::store
