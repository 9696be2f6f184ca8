// Strips of a block of lanes against the obvious loops.
#include "kernels/lane_softmax.h"

#include "kernels/odd_shapes.h"

#include <gtest/gtest.h>

#include <cmath>

namespace nepenthe::kernels {
namespace {

using namespace testing;

struct Strips {
    std::vector<float> weights, maximum, factors, sums;
};

// Strips of 96 ids after one another, as passes over a vocabulary visit them.
Strips weigh(const std::vector<float>& logits, float cap, Path path) {
    Strips out{logits, std::vector<float>(kLaneBlock, kLowest), {}, {}};
    const std::int64_t ids = static_cast<std::int64_t>(logits.size()) / kLaneBlock;
    for (std::int64_t first = 0; first < ids; first += 96) {
        float factor[kLaneBlock], sum[kLaneBlock];
        weigh_strip(out.weights.data() + first * kLaneBlock, std::min<std::int64_t>(96, ids - first), cap,
                    out.maximum.data(), factor, sum, path);
        out.factors.insert(out.factors.end(), factor, factor + kLaneBlock);
        out.sums.insert(out.sums.end(), sum, sum + kLaneBlock);
    }
    return out;
}

// Differences of logits are rounded to fp32, which counts for more the larger they are.
void expect_near(const std::vector<float>& mine, const std::vector<float>& exact, const char* what) {
    ASSERT_EQ(mine.size(), exact.size());
    for (std::size_t i = 0; i < mine.size(); ++i) {
        ASSERT_NEAR(mine[i], exact[i], 1e-5 * std::abs(static_cast<double>(exact[i])) + 1e-34) << what << " " << i;
    }
}

TEST(WeighStrip, EqualsTheReferenceAtOddHeights) {
    for (const std::int64_t ids : kWidths) {
        if (ids > 40000) continue;  // lanes of a whole vocabulary are only longer
        for (const float cap : {0.0f, 30.0f}) {
            std::vector<float> logits = random_row(ids * kLaneBlock, 1, cap > 0 ? 8 : 20, ids % 2 == 1);
            for (float& logit : logits) {
                if (cap > 0.0f) logit = cap * std::tanh(logit / cap);
            }
            const Strips exact = weigh(logits, cap, Path::kReference), portable = weigh(logits, cap, Path::kPortable),
                         native = weigh(logits, cap, Path::kNative);
            expect_near(portable.weights, exact.weights, "weights");
            expect_near(portable.factors, exact.factors, "factors");
            expect_near(portable.sums, exact.sums, "sums");
            EXPECT_EQ(portable.maximum, exact.maximum);
            EXPECT_EQ(bits_of(native.weights), bits_of(portable.weights));
            EXPECT_EQ(bits_of(native.factors), bits_of(portable.factors));
            EXPECT_EQ(bits_of(native.sums), bits_of(portable.sums));
            EXPECT_EQ(native.maximum, portable.maximum);
        }
    }
}

TEST(WeighStrip, KeepsNaNToItsLane) {
    std::vector<float> logits = random_row(50 * kLaneBlock, 2);
    logits[17 * kLaneBlock + 5] = kNotANumber;
    for (const Path path : {Path::kReference, Path::kPortable, Path::kNative}) {
        const Strips out = weigh(logits, 0.0f, path);
        for (std::size_t lane = 0; lane < kLaneBlock; ++lane) EXPECT_EQ(std::isnan(out.sums[lane]), lane == 5) << lane;
    }
}

}  // namespace
}  // namespace nepenthe::kernels
