// The cut against a plain sort, on any number of ranks.
#include "unlearn/attribution/select.h"

#include "base/random.h"
#include "expected_errors.h"
#include "unlearn/attribution/shards.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <numeric>

namespace nepenthe::unlearn {
namespace {

using nepenthe::testing::expect_contains;
using nepenthe::testing::message_of;
using nepenthe::testing::world;

using Scores = std::vector<float>;

std::vector<Cut> cuts_of(const Scores& scores, const std::vector<double>& shares) {
    const ParameterTable table = small_table();
    const Shard shard =
        shard_of(table, *world, [&](std::int64_t index) { return scores.at(static_cast<std::size_t>(index)); });
    return select(*world, table, shard.scores, shard.ranges, shares);
}

std::size_t weights() { return static_cast<std::size_t>(small_table().numel()); }

// What a sort by falling score, ties by index, keeps.
std::vector<bool> sorted_choice(const Scores& scores, std::int64_t kept) {
    std::vector<std::size_t> order(scores.size());
    std::iota(order.begin(), order.end(), 0u);
    std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return scores[a] > scores[b]; });
    std::vector<bool> chosen(scores.size(), false);
    for (std::int64_t i = 0; i < kept; ++i) chosen[order[static_cast<std::size_t>(i)]] = true;
    return chosen;
}

void expect_sorted_choice(const Scores& scores, const std::vector<double>& shares) {
    const std::vector<Cut> cuts = cuts_of(scores, shares);
    ASSERT_EQ(cuts.size(), shares.size());
    for (std::size_t i = 0; i < shares.size(); ++i) {
        EXPECT_EQ(cuts[i].share, shares[i]);
        EXPECT_EQ(cuts[i].kept, kept_of_share(shares[i], std::ssize(scores)));
        std::vector<bool> chosen;
        for (std::size_t index = 0; index < scores.size(); ++index)
            chosen.push_back(cuts[i].keeps(scores[index], static_cast<std::int64_t>(index)));
        EXPECT_EQ(chosen, sorted_choice(scores, cuts[i].kept)) << shares[i];
        EXPECT_EQ(std::count(chosen.begin(), chosen.end(), true), cuts[i].kept) << shares[i];
        if (cuts[i].kept == 0) continue;
        EXPECT_EQ(cuts[i].ties, std::count(scores.begin(), scores.end(), cuts[i].threshold));
    }
}

const std::vector<double> kShares{0, .001, .1, .29, .5, .8, .95, .999, 1};

TEST(Select, EqualsASort) {
    for (const std::uint64_t seed : {1u, 2u}) {
        RandomStream random(seed, "select_test", 0);
        Scores scores(weights());
        for (float& score : scores) score = static_cast<float>(std::abs(random.normal()));
        expect_sorted_choice(scores, kShares);
        // Many duplicates: a dozen values, zero among them.
        for (float& score : scores) score = static_cast<float>(random.below(12)) / 4;
        expect_sorted_choice(scores, kShares);
        // Neighbours that differ in their last bit, across the boundary of the upper half.
        for (float& score : scores)
            score = std::bit_cast<float>(0x3f80fff0u + static_cast<std::uint32_t>(random.below(32)));
        expect_sorted_choice(scores, kShares);
    }
}

TEST(Select, ScoresThatAreAllTheSame) {
    for (const float score : {0.0f, 1.0f, std::numeric_limits<float>::denorm_min(), std::numeric_limits<float>::max()})
        expect_sorted_choice(Scores(weights(), score), kShares);
}

TEST(Select, ZerosAndDenormals) {
    Scores scores(weights());
    for (std::size_t i = 0; i < scores.size(); ++i)
        scores[i] = i % 3 == 0 ? 0.0f : std::bit_cast<float>(static_cast<std::uint32_t>(i % 7));
    scores[3] = -0.0f;
    expect_sorted_choice(scores, kShares);
}

TEST(Select, OneShareAloneIsWhatItIsAmongOthers) {
    RandomStream random(5, "select_test", 0);
    Scores scores(weights());
    for (float& score : scores) score = static_cast<float>(random.below(40));
    const std::vector<Cut> together = cuts_of(scores, kShares);
    for (std::size_t i = 0; i < kShares.size(); ++i) EXPECT_EQ(cuts_of(scores, {kShares[i]})[0], together[i]);
}

TEST(Select, SharesOfAll) {
    EXPECT_EQ(kept_of_share(0, 10), 0);
    EXPECT_EQ(kept_of_share(1, 10), 10);
    EXPECT_EQ(kept_of_share(.29, 100), 29);  // 28.999999999999996 in fp64
    EXPECT_EQ(kept_of_share(.95, 100), 95);
    EXPECT_EQ(kept_of_share(.6, 1000000005), 600000003);
    EXPECT_EQ(kept_of_share(.999, 10), 9);
    EXPECT_EQ(kept_of_share(1.0 / 3, 10), 3);
    EXPECT_EQ(kept_of_share(.5, 0), 0);
    for (const double share : {-.1, 1.0000001, std::nan("")})
        EXPECT_EQ(nepenthe::testing::error_of([&] { cuts_of(Scores(weights(), 1.0f), {share}); }).kind(),
                  ErrorKind::kUsage);
}

TEST(Select, RefusesWhatIsNoScore) {
    for (const float bad : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity(), -1.0f}) {
        Scores scores(weights(), 1.0f);
        scores[static_cast<std::size_t>(small_table().parameters[4].begin + 17)] = bad;
        const std::string message = message_of(ErrorKind::kData, [&] { cuts_of(scores, {.5}); });
        expect_contains(message, "layers.1.down.weight: the score of its weight 17 is");
    }
}

TEST(ShardRanges, HoldEveryWeightOnce) {
    const ParameterTable table = small_table();
    std::vector<std::int64_t> met(weights(), 0);
    for (const ShardRange& range : shard_of(table, *world, [](std::int64_t) { return 0.0f; }).ranges) {
        for (std::int64_t i = 0; i < range.numel; ++i) ++met.at(static_cast<std::size_t>(range.index + i));
    }
    world->all_reduce_sum(met);
    EXPECT_EQ(met, std::vector<std::int64_t>(weights(), 1));
}

}  // namespace
}  // namespace nepenthe::unlearn
