#include "base/random.h"

#include <gtest/gtest.h>

#include <cmath>
#include <set>

namespace nepenthe {
namespace {

// Known-answer vectors of the Random123 distribution (kat_vectors, philox4x32 10 rounds).
TEST(Philox, AgreesWithPublishedVectors) {
    using Four = std::array<std::uint32_t, 4>;
    EXPECT_EQ(philox4x32_10({0, 0, 0, 0}, {0, 0}), (Four{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
    const std::uint32_t f = 0xffffffff;
    EXPECT_EQ(philox4x32_10({f, f, f, f}, {f, f}), (Four{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
    EXPECT_EQ(philox4x32_10({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}),
              (Four{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

TEST(RandomStream, IsAFunctionOfSeedStageAndId) {
    RandomStream a(1, "s", 7), b(1, "s", 7), other_id(1, "s", 8), other_stage(1, "t", 7), other_seed(2, "s", 7);
    const auto first = a.next_u64();
    EXPECT_EQ(first, b.next_u64());
    EXPECT_NE(first, other_id.next_u64());
    EXPECT_NE(first, other_stage.next_u64());
    EXPECT_NE(first, other_seed.next_u64());
}

TEST(RandomStream, NormalHasTheRightMoments) {
    RandomStream stream(3, "normal", 0);
    double sum = 0, squares = 0;
    constexpr int kDraws = 200000;
    for (int i = 0; i < kDraws; ++i) {
        const double x = stream.normal();
        sum += x;
        squares += x * x;
    }
    EXPECT_NEAR(sum / kDraws, 0.0, 0.01);
    EXPECT_NEAR(squares / kDraws, 1.0, 0.02);
}

TEST(RandomPermutation, HoldsEveryIndexOnce) {
    const auto order = random_permutation(1000, RandomStream(5, "p", 0));
    EXPECT_EQ(std::set<std::uint64_t>(order.begin(), order.end()).size(), 1000u);
    EXPECT_NE(order[0] * 1000 + order[1], 1u);
}

}  // namespace
}  // namespace nepenthe
