// Soft labels against their definition, on small rows.

#include "unlearn/relabel/soft_label.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>
#include <vector>

namespace nepenthe::unlearn {
namespace {

// A vocabulary of ten tokens, of which the top five are kept.
struct Row {
    std::vector<float> baseline, reinforced;  // probabilities of all ten
    std::vector<std::int32_t> index;
    std::vector<float> top_b, top_r;

    Row(std::vector<float> b, std::vector<float> r) : baseline(std::move(b)), reinforced(std::move(r)) {
        index.resize(5);
        std::iota(index.begin(), index.end(), 0);
        // Raw logits are known up to a shift of their own.
        for (std::size_t i = 0; i < 5; ++i) {
            top_b.push_back(std::log(baseline[i]) + 3);
            top_r.push_back(std::log(reinforced[i]) - 2);
        }
    }
    TopKRow top() const { return {index, top_b, top_r, 3, -2}; }
};

float probability(const train::Distribution& label, std::int64_t id) {
    for (std::size_t i = 0; i < label.ids.size(); ++i) {
        if (label.ids[i] == id) return label.probabilities[i];
    }
    return -1;
}

double total(const train::Distribution& label) {
    return std::accumulate(label.probabilities.begin(), label.probabilities.end(), static_cast<double>(label.rest));
}

const std::vector<float> kBaseline{.4f, .2f, .1f, .08f, .07f, .05f, .04f, .03f, .02f, .01f};

TEST(SoftLabel, IsTheBaselineWhereTheModelsAgree) {
    const Row row(kBaseline, kBaseline);
    for (const float plausible : {0.0f, 0.15f, 0.3f}) {
        const train::Distribution label = soft_label(row.top(), {Combine::kLogProbs, 5, plausible}, 1);
        for (std::int64_t id = 0; id < 10; ++id) {
            const bool named = id < 5 && kBaseline[static_cast<std::size_t>(id)] >= plausible * .4f * .9999f;
            EXPECT_NEAR(probability(label, id), named ? kBaseline[static_cast<std::size_t>(id)] : -1, 1e-6);
        }
        EXPECT_NEAR(total(label), 1, 1e-6);
    }
}

TEST(SoftLabel, TakesFromWhatOnlyTheReinforcedModelSays) {
    std::vector<float> reinforced = kBaseline;
    reinforced[1] = .3f;  // 1.5 times as likely
    reinforced[0] = .3f;
    const Row row(kBaseline, reinforced);
    const train::Distribution label = soft_label(row.top(), {Combine::kLogProbs, 2, 0.15f}, 0);
    // v = log b − 2 · log 1.5 for token 1, log b elsewhere; .85 is what the five hold in the baseline.
    const double weakened = .2 / (1.5 * 1.5), sum = .4 + weakened + .1 + .08 + .07;
    EXPECT_NEAR(probability(label, 1), .85 * weakened / sum, 1e-6);
    EXPECT_NEAR(probability(label, 0), .85 * .4 / sum, 1e-6);
    EXPECT_NEAR(label.rest, .15, 1e-6);
}

// A baseline that knows the book is sure of its word, and the reinforced model surer: the logarithms hardly differ.
TEST(SoftLabel, LogOddsTakeFromWhatBothAreSureOf) {
    const std::vector<float> baseline{.95f, .02f, .01f, .005f, .005f, .002f, .002f, .002f, .002f, .002f};
    const std::vector<float> reinforced{.99f, .004f, .002f, .001f, .001f, .0004f, .0004f, .0004f, .0004f, .0004f};
    const Row row(baseline, reinforced);
    EXPECT_GT(probability(soft_label(row.top(), {Combine::kLogProbs, 5, 0.1f}, 0), 0), .9);
    const train::Distribution label = soft_label(row.top(), {Combine::kLogOdds, 5, 0.1f}, 0);
    EXPECT_LT(probability(label, 0), .1);
    // Plausible is what comes near the best word that the book did not teach.
    EXPECT_GT(probability(label, 1), .4);
    EXPECT_EQ(label.ids, (std::vector<std::int64_t>{0, 1, 2, 3, 4}));
    EXPECT_NEAR(total(label), 1, 1e-6);
}

TEST(SoftLabel, NamesTheTextsOwnTokenThatIsNotPlausible) {
    const Row row(kBaseline, kBaseline);
    const train::Distribution label = soft_label(row.top(), {Combine::kLogits, 5, 0.3f}, 7);
    EXPECT_EQ(label.ids, (std::vector<std::int64_t>{0, 1, 7}));
    EXPECT_EQ(probability(label, 7), 0);
    EXPECT_NEAR(label.rest, .4, 1e-6);
    EXPECT_NEAR(total(label), 1, 1e-6);
}

TEST(Divergence, IsThatOfTheLabelFromTheReinforcedModelOrLess) {
    const std::vector<float> reinforced{.1f, .1f, .1f, .1f, .1f, .02f, .02f, .06f, .2f, .2f};
    const Row row(kBaseline, reinforced);
    // α = 0: the label is the baseline, cut off behind the top five.
    double whole = 0;
    for (std::size_t i = 0; i < 10; ++i) {
        whole += static_cast<double>(kBaseline[i]) * std::log(static_cast<double>(kBaseline[i] / reinforced[i]));
    }
    const double lower = divergence(row.top(), soft_label(row.top(), {Combine::kLogProbs, 0, 0}, 0));
    EXPECT_LE(lower, whole);
    EXPECT_GT(lower, 0.7 * whole);
    const Row same(kBaseline, kBaseline);
    EXPECT_NEAR(divergence(same.top(), soft_label(same.top(), {Combine::kLogOdds, 5, 0.1f}, 0)), 0, 1e-6);
}

}  // namespace
}  // namespace nepenthe::unlearn
