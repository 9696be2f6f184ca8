#include "train/fixed_point.h"

#include "train/gradient_fold.h"

#include <torch/types.h>

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace nepenthe::train {
namespace {

TEST(FixedPoint, SumsTheSameBitsInAnyOrder) {
    torch::manual_seed(3);
    const FixedPoint fixed(1e-8, 8);
    const at::Tensor values = at::randn({8, 4099}) * at::pow(10.0, at::randint(-9, 3, {8, 4099}).to(at::kFloat));
    at::Tensor forward = at::zeros({4099}, at::kLong), backward = at::zeros({4099}, at::kLong);
    for (std::int64_t i = 0; i < 8; ++i) {
        EXPECT_TRUE(fixed.add(forward, values[i], i == 0));
        EXPECT_TRUE(fixed.add(backward, values[7 - i], i == 0));
    }
    EXPECT_TRUE(at::equal(forward, backward));
    at::Tensor sum = at::empty({4099});
    fixed.to_float(sum, forward);
    EXPECT_LT((sum - values.to(at::kDouble).sum(0)).abs().max().item<double>(), 1e-4);
}

TEST(FixedPoint, SaysWhatDoesNotFit) {
    const FixedPoint fixed(1e-8, 4);
    at::Tensor sums = at::zeros({3}, at::kLong);
    for (const double bad : {std::nan(""), std::numeric_limits<double>::infinity(), 2.0 * fixed.limit()}) {
        EXPECT_FALSE(fixed.add(sums, at::tensor({1.0, bad, 2.0}, at::kFloat), true));
    }
    EXPECT_TRUE(fixed.add(sums, at::tensor({1.0, 0.9 * fixed.limit(), 2.0}, at::kFloat), true));
}

// Ties and all: bit for bit.
TEST(FixedPoint, IsTheSameComposedAsDevicesRunIt) {
    torch::manual_seed(4);
    const FixedPoint fixed(1e-8, 4);
    at::Tensor values = at::randn({3, 4099}) * at::pow(10.0, at::randint(-9, 3, {3, 4099}).to(at::kFloat));
    values[1] = (at::arange(4099, at::kFloat) - 2049.5) * std::ldexp(1.0, -fixed.bits());  // halfway between units
    at::Tensor sums = at::zeros({4099}, at::kLong), composed = at::full({4099}, 7, at::kLong);
    for (std::int64_t i = 0; i < 3; ++i) {
        EXPECT_TRUE(fixed.add(sums, values[i], i == 0));
        EXPECT_TRUE(fixed.composed_add(composed, values[i], i == 0));
        EXPECT_TRUE(at::equal(sums, composed)) << i;
    }
    at::Tensor floats = at::empty({4099}), composed_floats = at::empty({4099});
    fixed.to_float(floats, sums);
    fixed.composed_to_float(composed_floats, sums);
    EXPECT_TRUE(at::equal(floats, composed_floats));
    for (const double bad : {std::nan(""), -std::numeric_limits<double>::infinity(), -2.0 * fixed.limit()}) {
        at::Tensor three = at::zeros({3}, at::kLong);
        EXPECT_FALSE(fixed.composed_add(three, at::tensor({1.0, bad, 2.0}, at::kFloat), true));
    }
}

TEST(FixedPoint, SquaresAreExactHoweverTheyAreSplit) {
    std::vector<std::int64_t> values(5001);
    for (std::size_t i = 0; i < values.size(); ++i) {
        values[i] = (static_cast<std::int64_t>(i) - 2500) * 1234567890123456;
    }
    const SquareLimbs whole = exact_squares(values);
    SquareLimbs parts{};
    for (std::size_t at = 0; at < values.size(); at += 777) {
        const auto some = exact_squares(std::span(values).subspan(at, std::min<std::size_t>(777, values.size() - at)));
        for (std::size_t i = 0; i < parts.size(); ++i) {
            parts[i] += some[i];
        }
    }
    EXPECT_EQ(squares_value(whole, 44), squares_value(parts, 44));
    long double expected = 0;
    for (const std::int64_t value : values) {
        expected += static_cast<long double>(value) * static_cast<long double>(value);
    }
    EXPECT_NEAR(squares_value(whole, 0) / static_cast<double>(expected), 1.0, 1e-14);
}

TEST(GradientFold, AddsWidensAndFindsWhatIsNotFinite) {
    torch::manual_seed(4);
    at::Tensor into = at::full({70001}, 5.0);
    at::Tensor gradient = at::randn({70001}).to(at::kBFloat16);
    EXPECT_TRUE(fold_gradient(into, gradient, true));
    EXPECT_TRUE(fold_gradient(into, gradient, false));
    EXPECT_TRUE(at::equal(into, gradient.to(at::kFloat) * 2));
    gradient[69999] = std::numeric_limits<float>::infinity();
    EXPECT_FALSE(fold_gradient(into, gradient, false));
    const at::Tensor values = at::randn({70001});
    EXPECT_NEAR(sum_of_squares(values), values.to(at::kDouble).square().sum().item<double>(), 1e-6);
}

TEST(GradientFold, IsTheSameComposedAsDevicesRunIt) {
    torch::manual_seed(5);
    for (const at::ScalarType type : {at::kFloat, at::kBFloat16}) {
        at::Tensor into = at::full({70003}, 5.0f), composed = into.clone();
        for (const bool first : {true, false, false}) {
            const at::Tensor gradient = at::randn({7, 10001}).narrow(1, 0, 10000).to(type);  // not contiguous
            fold_gradient(into.narrow(0, 1, 70000), gradient, first);
            EXPECT_TRUE(composed_fold_gradient(composed.narrow(0, 1, 70000), gradient, first));
            EXPECT_TRUE(at::equal(into, composed));
        }
        EXPECT_NEAR(composed_sum_of_squares(into) / sum_of_squares(into), 1.0, 1e-6);
    }
}

}  // namespace
}  // namespace nepenthe::train
