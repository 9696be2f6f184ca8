// Scores by hand, and what they do not depend on.
#include "unlearn/attribution/score.h"

#include "expected_errors.h"

#include <gtest/gtest.h>
#include <torch/types.h>

#include <cmath>
#include <set>

namespace nepenthe::unlearn {
namespace {

using nepenthe::testing::expect_contains;
using nepenthe::testing::message_of;

at::Tensor floats(const std::vector<float>& values) { return torch::tensor(values); }

std::vector<float> scores_of(ScoreKind kind, const ScoreInputs& inputs, std::int64_t n) {
    const at::Tensor out = torch::full({n}, -1.0f);
    score(kind, inputs, out);
    return {out.data_ptr<float>(), out.data_ptr<float>() + n};
}

TEST(Score, HandValues) {
    const ScoreInputs inputs{.weights = floats({2, -3, .5f, 0}),
                             .forget_gradient = floats({.5f, 2, -4, 7}),
                             .retain_gradient = floats({1, 0, .25f, -.5f}),
                             .gamma = .5};
    // (w − 2 g_r) · g_f: (2 − 2)·.5, −3·2, (.5 − .5)·−4, (0 + 1)·7.
    EXPECT_EQ(scores_of(ScoreKind::kWagle, inputs, 4), (std::vector<float>{0, 6, 0, 7}));
    EXPECT_EQ(scores_of(ScoreKind::kGradient, inputs, 4), (std::vector<float>{.5f, 2, 4, 7}));
    EXPECT_EQ(scores_of(ScoreKind::kSnip, inputs, 4), (std::vector<float>{1, 6, 2, 0}));
    EXPECT_EQ(scores_of(ScoreKind::kMagnitude, inputs, 4), (std::vector<float>{2, 3, .5f, 0}));
}

TEST(Score, WagleEqualsItsFormulaInDoublePrecision) {
    const at::Tensor w = torch::randn(1000), f = torch::randn(1000) * 1e-3, r = torch::randn(1000) * 1e-4;
    const double gamma = 1e-8;
    const at::Tensor exact = ((w.to(at::kDouble) - r.to(at::kDouble) / gamma) * f.to(at::kDouble)).abs();
    const at::Tensor out = torch::empty(1000);
    score(ScoreKind::kWagle, {.weights = w, .forget_gradient = f, .retain_gradient = r, .gamma = gamma}, out);
    EXPECT_TRUE(at::equal(out, exact.to(at::kFloat)));
}

// A product of small numbers is no zero as long as fp32 has a number for it, and the score may take an input's place.
TEST(Score, KeepsSmallProductsAndWritesInPlace) {
    const at::Tensor w = floats({1e-25f, 1e-30f}), f = floats({1e-20f, -1e-14f});
    score(ScoreKind::kSnip, {.weights = w, .forget_gradient = f}, f);
    EXPECT_GT(f[0].item<float>(), 0.0f);  // 1e-45: the smallest there is
    EXPECT_GT(f[1].item<float>(), 0.0f);
}

// γ belongs to mean gradients: twice the items with the same mean are the same score; sums would not be.
TEST(Score, ForgetsHowManyItemsThereWere) {
    const at::Tensor w = torch::randn(100), items = torch::randn({4, 100}), others = torch::randn({4, 100});
    const auto mean_of = [](const at::Tensor& some) { return some.mean(0).contiguous(); };
    ScoreInputs once{.weights = w, .forget_gradient = mean_of(items), .retain_gradient = mean_of(others), .gamma = .1};
    ScoreInputs twice = once;
    twice.forget_gradient = mean_of(items.repeat({2, 1}));
    twice.retain_gradient = mean_of(others.repeat({2, 1}));
    const auto one = scores_of(ScoreKind::kWagle, once, 100), two = scores_of(ScoreKind::kWagle, twice, 100);
    for (std::size_t i = 0; i < one.size(); ++i) EXPECT_NEAR(one[i], two[i], 1e-5f * (1 + one[i]));
}

TEST(Score, RandomIsAFunctionOfSeedAndIndex) {
    // A shard of two runs, padding between them.
    const ScoreInputs inputs{.seed = 7, .ranges = {{100, 0, 3}, {7, 5, 2}}};
    const auto shard = scores_of(ScoreKind::kRandom, inputs, 7);
    EXPECT_EQ(shard, (std::vector<float>{random_score(7, 100), random_score(7, 101), random_score(7, 102), -1, -1,
                                         random_score(7, 7), random_score(7, 8)}));
    std::set<float> values;
    double sum = 0;
    for (std::int64_t i = 0; i < 10000; ++i) {
        const float value = random_score(7, i);
        EXPECT_TRUE(value >= 0 && value < 1);
        values.insert(value);
        sum += static_cast<double>(value);
    }
    EXPECT_GT(values.size(), 9980u);
    EXPECT_NEAR(sum / 10000, .5, .02);
    EXPECT_NE(random_score(7, 1), random_score(8, 1));
}

TEST(Score, NamesThatThereAre) {
    for (const std::string& name : score_names()) EXPECT_EQ(score_name(parse_score(name)), name);
    const std::string message = message_of(ErrorKind::kUsage, [] { parse_score("taylor"); });
    expect_contains(message, "wagle, gradient, snip, magnitude, wanda, random");
}

}  // namespace
}  // namespace nepenthe::unlearn
