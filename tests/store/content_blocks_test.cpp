#include "store/content_blocks.h"

#include "base/hash.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

namespace nepenthe::store {
namespace {

std::vector<std::uint64_t> digests_of(const std::vector<int>& items) {
    std::vector<std::uint64_t> digests;
    for (const int item : items) digests.push_back(xxh3(as_bytes(std::to_string(item))));
    return digests;
}

std::set<std::vector<int>> blocks_of(const std::vector<int>& items, std::size_t mean) {
    std::set<std::vector<int>> blocks;
    for (const BlockRange& range : content_blocks(digests_of(items), mean)) {
        blocks.emplace(items.begin() + static_cast<std::ptrdiff_t>(range.begin),
                       items.begin() + static_cast<std::ptrdiff_t>(range.end));
    }
    return blocks;
}

TEST(ContentBlocks, CoverTheItemsInOrder) {
    std::vector<int> items(1000);
    for (int i = 0; i < 1000; ++i) items[static_cast<std::size_t>(i)] = i;
    const auto blocks = content_blocks(digests_of(items), 8);
    std::size_t next = 0;
    for (const BlockRange& block : blocks) {
        EXPECT_EQ(block.begin, next);
        EXPECT_GE(block.size(), 1u);
        EXPECT_LE(block.size(), 16u);
        next = block.end;
    }
    EXPECT_EQ(next, 1000u);
    EXPECT_GT(blocks.size(), 90u);  // 1000 / 8 = 125, and some are cut at 16
    EXPECT_LT(blocks.size(), 190u);
    EXPECT_TRUE(content_blocks({}, 8).empty());
    EXPECT_EQ(content_blocks(digests_of({1, 2, 3}), 1).size(), 3u);
}

TEST(ContentBlocks, AnItemLeftOutChangesItsOwnBlockAndHardlyEverAnother) {
    std::vector<int> items(500);
    for (int i = 0; i < 500; ++i) items[static_cast<std::size_t>(i)] = i;
    const auto whole = blocks_of(items, 8);
    std::size_t lost = 0;
    for (int left_out = 0; left_out < 500; left_out += 25) {
        std::vector<int> fewer = items;
        fewer.erase(fewer.begin() + left_out);
        for (const auto& block : whole) lost += blocks_of(fewer, 8).contains(block) ? 0 : 1;
    }
    EXPECT_GE(lost, 20u);
    EXPECT_LE(lost, 60u);  // 20 times its own, and now and then a neighbour that was cut by length
}

}  // namespace
}  // namespace nepenthe::store
