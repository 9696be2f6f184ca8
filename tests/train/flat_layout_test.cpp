#include "train/flat_layout.h"
#include "train/sample_order.h"

#include "base/error.h"

#include <gtest/gtest.h>

#include <set>

namespace nepenthe::train {
namespace {

const std::vector<ParameterShape> kShapes = {{"a", 1009, true}, {"b", 7, false}, {"c", 100, true}, {"d", 13, true}};

TEST(FlatLayout, GivesEveryElementOneOwnerOnAnyNumberOfRanks) {
    for (int ranks = 1; ranks <= 7; ++ranks) {
        const FlatLayout layout = make_layout(kShapes, 120, ranks);
        EXPECT_EQ(layout.parameters.front().name, "d");
        EXPECT_EQ(layout.buckets.size(), 2u);  // d, c, b together; a is larger than a bucket
        std::map<std::string, std::set<std::int64_t>> owned;
        for (std::size_t bucket = 0; bucket < layout.buckets.size(); ++bucket) {
            EXPECT_EQ(layout.buckets[bucket].numel() % (ranks * kAlignment), 0);
            for (int rank = 0; rank < ranks; ++rank) {
                for (const FlatRange& range : owned_ranges(layout, bucket, rank)) {
                    for (std::int64_t i = 0; i < range.numel; ++i) {
                        EXPECT_TRUE(
                            owned[layout.parameters[range.parameter].name].insert(range.parameter_begin + i).second);
                    }
                }
            }
        }
        for (const ParameterShape& shape : kShapes) {
            EXPECT_EQ(static_cast<std::int64_t>(owned[shape.name].size()), shape.numel);
        }
    }
}

TEST(FlatLayout, SurvivesJsonAndRefusesContradictions) {
    const FlatLayout layout = make_layout(kShapes, 120, 3);
    Json json = layout.to_json();
    EXPECT_EQ(FlatLayout::from_json(json), layout);
    json["parameters"][1]["offset"] = 0;
    EXPECT_THROW(FlatLayout::from_json(json), Error);
    EXPECT_THROW(FlatLayout::from_json(Json::object()), Error);
}

TEST(SampleOrder, ShowsEverySampleOncePerEpochInAnotherOrder) {
    SampleOrder order(9, 31);
    std::vector<std::int64_t> epochs[2];
    for (std::int64_t i = 0; i < 62; ++i) {
        epochs[i / 31].push_back(order.at(i));
    }
    EXPECT_EQ(std::set<std::int64_t>(epochs[0].begin(), epochs[0].end()).size(), 31u);
    EXPECT_EQ(std::set<std::int64_t>(epochs[1].begin(), epochs[1].end()).size(), 31u);
    EXPECT_NE(epochs[0], epochs[1]);
    EXPECT_EQ(order.at(5), epochs[0][5]);
}

TEST(SampleOrder, SharesAreContiguousAndComplete) {
    for (int ranks = 1; ranks <= 5; ++ranks) {
        std::int64_t next = 0;
        for (int rank = 0; rank < ranks; ++rank) {
            const Span share = share_of(3, rank, ranks);
            EXPECT_EQ(share.begin, next);
            next = share.end;
        }
        EXPECT_EQ(next, 3);
    }
    EXPECT_EQ(cut({4, 11}, 3).back().size(), 1);
}

}  // namespace
}  // namespace nepenthe::train
