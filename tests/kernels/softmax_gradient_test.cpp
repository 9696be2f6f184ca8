// The gradient in the logits' place against fp64, in fp32 and bf16.
#include "kernels/softmax_gradient.h"

#include "kernels/odd_shapes.h"

#include <gtest/gtest.h>

#include <cmath>

namespace nepenthe::kernels {
namespace {

using namespace testing;

template <typename Value>
class SoftmaxGradient : public ::testing::Test {};
using GradientValues = ::testing::Types<float, c10::BFloat16>;
TYPED_TEST_SUITE(SoftmaxGradient, GradientValues);

TYPED_TEST(SoftmaxGradient, EqualsTheReferenceAtOddWidths) {
    // logit - log_sum_exp is rounded to fp32, which counts for more the larger it is. A bf16 number may round the other
    // way where the exponential is off by an ulp of fp32.
    const double relative = std::is_same_v<TypeParam, float> ? 1e-5 : 0x1p-8;
    for (const std::int64_t n : kWidths) {
        for (const bool masked : {false, true}) {
            std::vector<TypeParam> exact = random_row<TypeParam>(n, 1, 20);
            if (masked) mask_thirds(exact);
            std::vector<TypeParam> portable = exact, native = exact;
            softmax_gradient(exact.data(), n, 25.0f, 0.125f, Path::kReference);
            softmax_gradient(portable.data(), n, 25.0f, 0.125f, Path::kPortable);
            softmax_gradient(native.data(), n, 25.0f, 0.125f, Path::kNative);
            EXPECT_EQ(bits_of(native), bits_of(portable)) << n;
            for (std::size_t i = 0; i < exact.size(); ++i) {
                const auto wanted = static_cast<double>(static_cast<float>(exact[i]));
                ASSERT_NEAR(static_cast<float>(portable[i]), wanted, relative * wanted + 3e-39) << n << " " << i;
            }
        }
    }
}

TYPED_TEST(SoftmaxGradient, PassesNaNOn) {
    for (const Path path : {Path::kReference, Path::kPortable, Path::kNative}) {
        std::vector<TypeParam> row = random_row<TypeParam>(33, 2);
        row[32] = static_cast<TypeParam>(kNotANumber);
        softmax_gradient(row.data(), 33, kNotANumber, 1.0f, path);
        EXPECT_TRUE(std::isnan(static_cast<float>(row[0])));
    }
}

}  // namespace
}  // namespace nepenthe::kernels
