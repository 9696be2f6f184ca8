// The exponential, and sums whose bits do not depend on the instruction set.
#include "kernels/vector_math.h"

#include "kernels/odd_shapes.h"

#include <gtest/gtest.h>

#include <cmath>

namespace nepenthe::kernels {
namespace {

using namespace testing;

TEST(VectorMath, ExponentialIsWithinTwoUlp) {
    for (float x = -87.0f; x < 87.0f; x += 0.0137f) {
        EXPECT_NEAR(fast_exp(x) / std::exp(static_cast<double>(x)), 1.0, 2.4e-7) << x;
    }
    EXPECT_EQ(fast_exp(0.0f), 1.0f);
    EXPECT_GT(fast_exp(1000.0f), 1e38f);
    EXPECT_LT(fast_exp(-1000.0f), 1e-37f);
}

TEST(VectorMath, ExponentialOfNonPositiveEndsInZero) {
    for (float x = -80.0f; x <= 0.0f; x += 0.0137f) EXPECT_EQ(exp_of_non_positive(x), fast_exp(x)) << x;
    EXPECT_EQ(exp_of_non_positive(kLowest), 0.0f);
    EXPECT_EQ(exp_of_non_positive(-81.0f), 0.0f);
    EXPECT_GT(exp_of_non_positive(-80.0f), 0.0f);
    EXPECT_TRUE(std::isnan(exp_of_non_positive(kNotANumber)));
}

TEST(VectorMath, RoundsToTheNearestEvenBFloat16) {
    for (const float value : random_row(1000, 1)) {
        c10::BFloat16 stored;
        store(&stored, value);
        EXPECT_EQ(stored.x, c10::BFloat16(value).x) << value;
        EXPECT_EQ(load(&stored), static_cast<float>(stored));
    }
}

TEST(VectorMath, LanesAddUpInOneOrder) {
    for (const std::int64_t n : kWidths) {
        const std::vector<float> row = random_row(n, 2);
        const float* values = row.data();
        std::array<float, 32> lanes{};
        for (std::int64_t i = 0; i < n; ++i) lanes[static_cast<std::size_t>(i % 32)] += values[i];
        for (std::size_t width = 16; width > 0; width /= 2) {
            for (std::size_t i = 0; i < width; ++i) lanes[i] += lanes[i + width];
        }
        for (const Path path : {Path::kPortable, Path::kNative}) {
            const float sum = with_instruction_set(path, [=]() NEPENTHE_INLINED {
                return lane_sum(n, [=](std::int64_t i) NEPENTHE_INLINED { return values[i]; });
            });
            EXPECT_EQ(sum, lanes[0]) << n;
        }
    }
}

}  // namespace
}  // namespace nepenthe::kernels
