#include "store/content_blocks.h"

namespace nepenthe::store {

std::vector<BlockRange> content_blocks(std::span<const std::uint64_t> digests, std::size_t mean) {
    std::vector<BlockRange> blocks;
    for (std::size_t first = 0, next = 1; next <= digests.size(); ++next) {
        const bool ends = digests[next - 1] % mean == 0;
        if (!ends && next - first < 2 * mean && next < digests.size()) continue;
        blocks.push_back({first, next});
        first = next;
    }
    return blocks;
}

}  // namespace nepenthe::store
