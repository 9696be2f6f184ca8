// Exact products, and what the rules that combine two gradients promise.

#include "train/gradient_pair.h"

#include "base/random.h"
#include "expected_errors.h"
#include "mpi_world.h"
#include "train/exact_dot.h"

#include <torch/types.h>

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

namespace nepenthe::train {
namespace {

using testing::world;

std::vector<float> numbers(std::size_t n, std::uint64_t seed) {
    RandomStream random(seed, "pair", 0);
    std::vector<float> out(n);
    for (float& value : out)
        value = static_cast<float>(random.normal() * std::pow(10.0, static_cast<double>(random.below(30)) - 20.0));
    return out;
}

TEST(ExactDot, DependsOnNoOrder) {
    std::vector<float> a = numbers(5001, 1), b = numbers(5001, 2);
    const ExactSum forward = exact_dot(a, b);
    std::ranges::reverse(a);
    std::ranges::reverse(b);
    EXPECT_EQ(exact_dot(a, b).digits, forward.digits);
    // In two parts, digits added.
    ExactSum parts = exact_dot(std::span(a).first(1234), std::span(b).first(1234));
    const ExactSum rest = exact_dot(std::span(a).subspan(1234), std::span(b).subspan(1234));
    for (std::size_t i = 0; i < parts.digits.size(); ++i) parts.digits[i] += rest.digits[i];
    EXPECT_EQ(parts.value(), forward.value());
}

TEST(ExactDot, LosesNothing) {
    const std::vector<float> a = {1e30f, 1.0f, -1e30f, 3.0f}, b = {1e8f, 0.5f, 1e8f, 2.0f};
    EXPECT_EQ(exact_dot(a, b).value(), 6.5);
    const float tiny = std::numeric_limits<float>::denorm_min(), huge = std::numeric_limits<float>::max();
    EXPECT_EQ(exact_dot(std::vector{tiny}, std::vector{tiny}).value(), std::ldexp(1.0, -298));
    EXPECT_EQ(exact_dot(std::vector{huge, huge}, std::vector{huge, -huge}).value(), 0.0);
    EXPECT_EQ(exact_dot(std::vector{-huge}, std::vector{huge}).value(),
              -static_cast<double>(huge) * static_cast<double>(huge));
    EXPECT_EQ(exact_dot({}, {}).value(), 0.0);
    double sum = 0;
    const std::vector<float> c = numbers(1000, 3);
    for (const float value : c) sum += static_cast<double>(value) * static_cast<double>(value);
    EXPECT_NEAR(exact_dot(c, c).value() / sum, 1.0, 1e-12);
}

// Two vectors over a layout of uneven parameters; what the ranks hold of them.
class GradientPair : public ::testing::Test {
  protected:
    GradientPair() : layout_(make_layout({{"a", 97, true}, {"b", 13, true}, {"c", 331, false}}, 200, world->size())) {
        const std::vector<float> f = numbers(441, 4), r = numbers(441, 5);
        forget_ = shard(f);
        retain_ = shard(r);
        for (std::size_t i = 0; i < f.size(); ++i) {
            whole_.forget += static_cast<double>(f[i]) * static_cast<double>(f[i]);
            whole_.retain += static_cast<double>(r[i]) * static_cast<double>(r[i]);
            whole_.both += static_cast<double>(f[i]) * static_cast<double>(r[i]);
        }
    }

    // Parameters of the layout lie in the reverse order; any fixed assignment serves.
    at::Tensor shard(const std::vector<float>& values) const {
        at::Tensor out = at::zeros({layout_.shard_numel()});
        std::vector<std::size_t> begins;
        std::size_t at = 0;
        for (const FlatParameter& parameter : layout_.parameters) {
            begins.push_back(at);
            at += static_cast<std::size_t>(parameter.numel);
        }
        for (std::size_t bucket = 0; bucket < layout_.buckets.size(); ++bucket) {
            for (const FlatRange& range : owned_ranges(layout_, bucket, world->rank())) {
                for (std::int64_t i = 0; i < range.numel; ++i) {
                    out[range.shard_begin + i] =
                        values[begins[range.parameter] + static_cast<std::size_t>(range.parameter_begin + i)];
                }
            }
        }
        return out;
    }

    // ⟨step, other⟩ over all ranks.
    double product(const at::Tensor& step, const at::Tensor& other) const {
        return sum_of(pair_products(*world, layout_, step, other)).both;
    }

    FlatLayout layout_;
    at::Tensor forget_, retain_;
    PairProducts whole_;
};

TEST_F(GradientPair, HasTheProductsOfTheWholeVectors) {
    const auto by_parameter = pair_products(*world, layout_, forget_, retain_);
    ASSERT_EQ(by_parameter.size(), 3u);
    const PairProducts sum = sum_of(by_parameter);
    EXPECT_NEAR(sum.forget / whole_.forget, 1, 1e-10);
    EXPECT_NEAR(sum.retain / whole_.retain, 1, 1e-10);
    EXPECT_NEAR(sum.both, whole_.both, 1e-10 * std::sqrt(whole_.forget * whole_.retain));
}

TEST_F(GradientPair, GruTakesNothingFromWhatIsRetained) {
    for (const double sign : {1.0, -1.0}) {
        const at::Tensor retain = retain_ * (whole_.both > 0 ? -sign : sign);  // at odds, then not
        const PairProducts products = sum_of(pair_products(*world, layout_, forget_, retain));
        at::Tensor step = forget_.clone();
        const double norm = combine_pair({.rule = PairRule::kGru}, products, step, retain);
        EXPECT_GE(product(step, retain), -1e-5 * std::sqrt(products.retain) * norm);
        EXPECT_NEAR(norm, std::sqrt(sum_of(pair_products(*world, layout_, step, step)).forget), 1e-5 * norm);
        if (products.both > 0) {
            EXPECT_TRUE(at::equal(step, forget_));
        }
    }
}

TEST_F(GradientPair, BlurGoesAFixedWayAlongTheForgetGradient) {
    for (const double forget : {1.0, 0.25}) {
        const PairProducts products = sum_of(pair_products(*world, layout_, forget_, retain_));
        at::Tensor step = forget_.clone();
        combine_pair({.rule = PairRule::kBlur, .forget = forget}, products, step, retain_);
        EXPECT_NEAR(product(step, forget_) / products.forget, forget, 1e-5);
    }
}

TEST_F(GradientPair, ASideThatIsNothingChangesNothing) {
    const at::Tensor zero = at::zeros_like(forget_);
    PairProducts products = sum_of(pair_products(*world, layout_, forget_, zero));
    EXPECT_EQ(products.cosine(), 0.0);
    at::Tensor step = forget_.clone();
    combine_pair({.rule = PairRule::kGru}, products, step, zero);
    EXPECT_TRUE(at::equal(step, forget_));
    products = sum_of(pair_products(*world, layout_, zero, retain_));
    step = zero.clone();
    combine_pair({.rule = PairRule::kBlur}, products, step, retain_);
    EXPECT_TRUE(at::equal(step, retain_));
    EXPECT_EQ(testing::error_of([] { parse_pair("pcgrad"); }).kind(), ErrorKind::kUsage);
}

}  // namespace
}  // namespace nepenthe::train
