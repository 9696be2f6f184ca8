// Metrics of edits: what does not apply to an item, harmonic means, what two models show together.

#include "evaluate/metric.h"
#include "evaluate/paired_measures.h"
#include "evaluate/statistics.h"
#include "evaluate/tofu_files.h"
#include "material.h"
#include "published_data.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>

namespace nepenthe::evaluate {
namespace {

std::vector<Json> counterfact_rows(std::vector<std::array<Json, 3>> values) {
    std::vector<Json> rows;
    for (const auto& value : values) {
        rows.push_back({{"id", rows.size()},
                        {"efficacy_score", value[0]},
                        {"paraphrase_score", value[1]},
                        {"neighbourhood_score", value[2]}});
    }
    return rows;
}

TEST(Metric, WhatDoesNotApplyIsNotCounted) {
    const auto result =
        make_result("counterfact", {"paraphrase_score"}, counterfact_rows({{1, 0.5, 1}, {0, nullptr, 1}, {1, 1.0, 0}}));
    EXPECT_DOUBLE_EQ(result.metrics[0].value, 0.75);
    EXPECT_EQ(result.metrics[0].denominator, 2);
}

TEST(Metric, ScoreIsTheHarmonicMeanOfAverages) {
    const auto rows = counterfact_rows({{1, 1, 1}, {1, 1, 0}, {0, 1, 1}, {1, 0, 1}, {1, 1, 1}});
    const Metric score = make_result("counterfact", {"edit_score"}, rows).metrics[0];
    EXPECT_NEAR(score.value, 0.8, 1e-12);
    EXPECT_NEAR(score.numerator / score.denominator, score.value, 1e-12);
    EXPECT_LT(score.low, 0.8);
    EXPECT_GT(score.high, 0.8);
    // Equal components: the influence of an item is the mean of its three.
    std::vector<double> means;
    for (const Json& row : rows) {
        means.push_back((row["efficacy_score"].get<double>() + row["paraphrase_score"].get<double>() +
                         row["neighbourhood_score"].get<double>()) /
                        3);
    }
    EXPECT_NEAR(score.low, mean95(means).low, 1e-12);
    const Metric zero = make_result("counterfact", {"edit_score"}, counterfact_rows({{0, 1, 1}, {0, 1, 0}})).metrics[0];
    EXPECT_EQ(zero.value, 0);
    EXPECT_TRUE(std::isnan(zero.low));
}

TEST(PairedMeasures, CountsChangedAnswers) {
    TaskResult before{"unrelated_facts", {}, {}}, after = before;
    for (int i = 0; i < 10; ++i) {
        before.items.push_back({{"id", i}, {"answer_ids", {1, i}}});
        after.items.push_back({{"id", i}, {"answer_ids", {1, i == 3 ? 99 : i}}});
    }
    const Json alteration = paired_measures(before, after)["unintended_alteration"];
    EXPECT_DOUBLE_EQ(alteration["value"].get<double>(), 0.1);
    EXPECT_EQ(alteration["changed"], (Json{3}));
    EXPECT_EQ(alteration["ci95"][1].get<double>(), wilson95(1, 10).high);
}

TEST(PairedMeasures, LocalityIsAgreementWithTheModelBefore) {
    TaskResult before{
        "easyedit", {}, {{{"id", 0}, {"locality_argmax", {{1, 2}}}}, {{"id", 1}, {"locality_argmax", {{3}}}}}};
    TaskResult after{
        "easyedit", {}, {{{"id", 0}, {"locality_argmax", {{1, 5}}}}, {{"id", 1}, {"locality_argmax", {{3}}}}}};
    EXPECT_DOUBLE_EQ(paired_measures(before, after)["easyedit_locality"]["value"].get<double>(), 0.75);
}

// editing.md §16 T12: 300 truth ratios each, the second shifted by so many places that the distributions are that far
// apart.
TEST(PairedMeasures, ForgetQualityIsTheExactTest) {
    struct Case {
        int shift;
        double p;
    };
    for (const Case& expected : {Case{25, 0.2488}, Case{28, 0.1466}, Case{115, 4.915e-20}}) {
        TaskResult one{"tofu", {}, {}}, other = one;
        for (int i = 0; i < 300; ++i) {
            one.items.push_back({{"id", i}, {"forget_truth", i}});
            other.items.push_back({{"id", i}, {"forget_truth", i + expected.shift - 0.5}});
        }
        other.items.push_back({{"id", 300}});  // a row of another set
        const Json quality = paired_measures(one, other)["forget_quality"];
        EXPECT_NEAR(quality["statistic"].get<double>(), expected.shift / 300.0, 1e-12);
        EXPECT_NEAR(quality["value"].get<double>() / expected.p, 1, 1e-3);
    }
}

TEST(Tofu, ReadsItsFourSets) {
    const auto folder = nepenthe::testing::kMaterial / "unlearning/tofu";
    const auto items = read_tofu(folder, "forget01", 0);
    EXPECT_EQ(items.size(), 20u + 100u + 10u + 12u);
    EXPECT_EQ(items[0].perturbed.size(), 5u);
    EXPECT_NE(items[0].paraphrased, items[0].answer);
    EXPECT_EQ(items.back().set, TofuSet::kWorldFacts);
    EXPECT_EQ(items.back().paraphrased, items.back().answer);
    EXPECT_EQ(read_tofu(folder, "forget10", 3).size(), 12u);
}

TEST(PublishedTofu, HasItsFourSets) {
    const auto folder = nepenthe::testing::published_data() / "unlearning/tofu";
    const auto items = read_tofu(folder, "forget01", 0);
    EXPECT_EQ(items.size(), 40u + 400u + 100u + 117u);
    EXPECT_EQ(items[0].perturbed.size(), 5u);
    EXPECT_NE(items[0].paraphrased, items[0].answer);
    EXPECT_EQ(items.back().set, TofuSet::kWorldFacts);
    EXPECT_EQ(items.back().paraphrased, items.back().answer);
    EXPECT_EQ(read_tofu(folder, "forget10", 3).size(), 12u);
}

}  // namespace
}  // namespace nepenthe::evaluate
