#include "dist/comm.h"

#include "mpi_world.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>

namespace nepenthe::dist {
namespace {

TEST(Comm, BroadcastsStringsOfAnyLength) {
    for (const std::size_t length : {std::size_t{0}, std::size_t{1}, std::size_t{100000}}) {
        for (int root = 0; root < testing::world->size(); ++root) {
            std::string text = testing::world->rank() == root ? std::string(length, 'x') : "something else";
            testing::world->broadcast(text, root);
            EXPECT_EQ(text, std::string(length, 'x'));
        }
    }
}

TEST(Comm, GathersStringsByRank) {
    const auto all = testing::world->all_gather(std::string(static_cast<std::size_t>(testing::world->rank()) * 3,
                                                            static_cast<char>('a' + testing::world->rank())));
    ASSERT_EQ(all.size(), static_cast<std::size_t>(testing::world->size()));
    for (std::size_t r = 0; r < all.size(); ++r)
        EXPECT_EQ(all[r], std::string(3 * r, static_cast<char>('a' + static_cast<int>(r))));
}

TEST(Comm, Reduces) {
    const int ranks = testing::world->size();
    std::vector<double> values{1.0, static_cast<double>(testing::world->rank())};
    testing::world->all_reduce_sum(values);
    EXPECT_EQ(values, (std::vector<double>{1.0 * ranks, ranks * (ranks - 1) / 2.0}));
    std::vector<std::int64_t> counts{std::int64_t{1} << 60};
    if (testing::world->rank() != 0) counts[0] = -1;
    testing::world->all_reduce_sum(counts);
    EXPECT_EQ(counts[0], (std::int64_t{1} << 60) - (ranks - 1));
    EXPECT_EQ(testing::world->all_reduce_max(-5 - testing::world->rank()), -5);
    EXPECT_TRUE(testing::world->all_reduce_or(testing::world->rank() == ranks - 1));
    EXPECT_FALSE(testing::world->all_reduce_or(false));
}

TEST(Comm, MergesOwnedValuesBitForBit) {
    const std::vector<double> expected{-0.0, std::numeric_limits<double>::denorm_min(),
                                       -std::numeric_limits<double>::infinity(),
                                       std::bit_cast<double>(std::uint64_t{0x7ff8000000012345}), 0.1};
    std::vector<double> values(expected.size(), 0.0);
    for (std::size_t i = 0; i < values.size(); ++i) {
        if (static_cast<int>(i) % testing::world->size() == testing::world->rank()) values[i] = expected[i];
    }
    testing::world->merge_owned(values);
    for (std::size_t i = 0; i < values.size(); ++i) {
        EXPECT_EQ(std::bit_cast<std::uint64_t>(values[i]), std::bit_cast<std::uint64_t>(expected[i])) << i;
    }
}

TEST(Comm, SplitsByNode) {
    const Comm node = testing::world->split_node();
    EXPECT_EQ(node.size(), testing::world->size());  // the tests run on one node
    EXPECT_EQ(node.rank(), testing::world->rank());
}

}  // namespace
}  // namespace nepenthe::dist
