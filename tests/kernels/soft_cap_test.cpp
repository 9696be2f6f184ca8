// The soft cap and its slope against fp64.
#include "kernels/soft_cap.h"

#include "kernels/odd_shapes.h"

#include <gtest/gtest.h>

#include <cmath>

namespace nepenthe::kernels {
namespace {

using namespace testing;

TEST(SoftCap, BendsLogitsAndGradients) {
    for (const std::int64_t n : {1, 17, 4097}) {
        const std::vector<float> logits = random_row(n, 1, 20);
        std::vector<float> capped = logits, gradient(static_cast<std::size_t>(n), 2.0f);
        std::vector<c10::BFloat16> low = random_row<c10::BFloat16>(n, 1, 20), low_gradient(low.size(), 2.0f);
        soft_cap(capped.data(), n, 30.0f);
        soft_cap(low.data(), n, 30.0f);
        gradient_through_cap(gradient.data(), capped.data(), n, 30.0f);
        gradient_through_cap(low_gradient.data(), capped.data(), n, 30.0f);
        for (std::size_t i = 0; i < logits.size(); ++i) {
            const double share = std::tanh(static_cast<double>(logits[i]) / 30.0);
            EXPECT_NEAR(capped[i], 30.0 * share, 1e-5);
            EXPECT_NEAR(static_cast<float>(low[i]), 30.0 * share, 0.25);
            EXPECT_NEAR(gradient[i], 2.0 * (1.0 - share * share), 1e-5);
            EXPECT_NEAR(static_cast<float>(low_gradient[i]), 2.0 * (1.0 - share * share), 0x1p-8);
        }
    }
}

}  // namespace
}  // namespace nepenthe::kernels
