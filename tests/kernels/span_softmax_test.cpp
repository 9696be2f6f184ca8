// Spans of a row against the obvious loops, at widths that fill no vector, in fp32 and bf16.
#include "kernels/span_softmax.h"

#include "kernels/odd_shapes.h"
#include "kernels/running_softmax.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <string>

namespace nepenthe::kernels {
namespace {

using namespace testing;

template <typename Value>
class SpanSoftmax : public ::testing::Test {};
using Values = ::testing::Types<float, c10::BFloat16>;
TYPED_TEST_SUITE(SpanSoftmax, Values);

template <typename Value>
void expect_equal_reference(const std::vector<Value>& row, const std::string& what) {
    const auto n = static_cast<std::int64_t>(row.size());
    const float most = span_maximum(row.data(), n, Path::kReference);
    // Of an exponential, and of as many fp32 additions as a lane sees.
    const double relative = 2e-6 + static_cast<double>(n) / 32 * 0x1p-26;
    for (const float shift : {most, most + 3.5f}) {
        const float exact = sum_of_exponentials(row.data(), n, shift, Path::kReference);
        const float portable = sum_of_exponentials(row.data(), n, shift, Path::kPortable);
        EXPECT_EQ(sum_of_exponentials(row.data(), n, shift, Path::kNative), portable) << what;
        EXPECT_NEAR(portable, exact, relative * static_cast<double>(exact)) << what;
    }
    EXPECT_EQ(span_maximum(row.data(), n, Path::kPortable), most) << what;
    EXPECT_EQ(span_maximum(row.data(), n, Path::kNative), most) << what;
}

TYPED_TEST(SpanSoftmax, EqualsTheReferenceAtOddWidths) {
    for (const std::int64_t n : kWidths) {
        for (const bool ties : {false, true}) {
            std::vector<TypeParam> row = random_row<TypeParam>(n, 1, 4, ties);
            expect_equal_reference(row, std::to_string(n));
            mask_thirds(row);
            expect_equal_reference(row, std::to_string(n) + " masked");
            expect_equal_reference(random_row<TypeParam>(n, 2, 60, ties), std::to_string(n) + " spread");
        }
    }
}

TYPED_TEST(SpanSoftmax, OfNothingButMinusInfinityIsZero) {
    for (const std::int64_t n : {0, 1, 33, 100}) {
        const std::vector<TypeParam> row(static_cast<std::size_t>(n), static_cast<TypeParam>(kLowest));
        for (const Path path : {Path::kReference, Path::kPortable, Path::kNative}) {
            EXPECT_EQ(span_maximum(row.data(), n, path), kLowest);
            EXPECT_EQ(sum_of_exponentials(row.data(), n, kLowest, path), 0.0f);
        }
    }
}

TYPED_TEST(SpanSoftmax, SaysThatALogitIsNotFinite) {
    for (const std::int64_t n : {1, 17, 33, 4097}) {
        for (const std::int64_t at : {std::int64_t{0}, n / 2, n - 1}) {
            for (const float bad : {kNotANumber, kInfinity}) {
                std::vector<TypeParam> row = random_row<TypeParam>(n, 3);
                row[static_cast<std::size_t>(at)] = static_cast<TypeParam>(bad);
                for (const Path path : {Path::kReference, Path::kPortable, Path::kNative}) {
                    const float most = span_maximum(row.data(), n, path);
                    EXPECT_TRUE(std::isnan(sum_of_exponentials(row.data(), n, most, path))) << n << " " << at;
                }
            }
        }
    }
}

// However a row is cut, and whether a span is summed relative to its own maximum or to that of all before it.
TEST(RunningSoftmax, JoinsSpans) {
    const std::vector<float> row = random_row(32003, 4, 8);
    double exact = 0;
    for (const float logit : row) exact += std::exp(static_cast<double>(logit));
    for (const std::int64_t cut : {1, 31, 4096, 32003}) {
        for (const bool own : {false, true}) {
            RunningSoftmax softmax;
            for (std::int64_t first = 0; first < 32003; first += cut) {
                const std::int64_t n = std::min<std::int64_t>(cut, 32003 - first);
                float shift = span_maximum(row.data() + first, n);
                if (!own) shift = std::max(shift, static_cast<float>(softmax.maximum));
                softmax.merge(static_cast<double>(shift),
                              static_cast<double>(sum_of_exponentials(row.data() + first, n, shift)));
            }
            EXPECT_NEAR(softmax.log_sum_exp(), std::log(exact), 1e-6);
        }
    }
}

TEST(RunningSoftmax, BeginsAnywhere) {
    RunningSoftmax softmax;
    softmax.merge(static_cast<double>(kLowest), 0.0);  // a span of nothing but −inf
    softmax.merge(-1000.0, 2.0);
    softmax.merge(static_cast<double>(kLowest), 0.0);
    EXPECT_DOUBLE_EQ(softmax.log_sum_exp(), -1000.0 + std::log(2.0));
}

}  // namespace
}  // namespace nepenthe::kernels
