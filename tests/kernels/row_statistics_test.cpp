// Sums over a whole row against fp64.
#include "kernels/row_statistics.h"

#include "kernels/odd_shapes.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <numeric>

namespace nepenthe::kernels {
namespace {

using namespace testing;

TEST(RowStatistics, EqualTheReferenceAtOddWidths) {
    for (const std::int64_t n : kWidths) {
        for (const double spread : {4.0, 40.0}) {
            const std::vector<float> row = random_row(n, 1, spread, n % 2 == 1);
            double size = 0;
            for (const float value : row) size += std::abs(static_cast<double>(value));
            const double sum = row_sum(row, Path::kPortable);
            EXPECT_NEAR(sum, row_sum(row, Path::kReference), 1e-6 * size) << n;
            EXPECT_EQ(row_sum(row, Path::kNative), sum) << n;
            const float log_sum = row_log_sum_exp(row, Path::kPortable), exact = row_log_sum_exp(row, Path::kReference);
            EXPECT_NEAR(log_sum, exact, 1e-6 * (1 + std::abs(static_cast<double>(exact)))) << n;
            EXPECT_EQ(std::bit_cast<std::uint32_t>(row_log_sum_exp(row, Path::kNative)),
                      std::bit_cast<std::uint32_t>(log_sum))
                << n;
        }
    }
}

TEST(RowStatistics, HoldOverTheWholeRange) {
    for (const float spread : {0.0f, 1.0f, 30.0f, 200.0f}) {
        std::vector<float> row;
        for (int i = 0; i < 10007; ++i) row.push_back(spread * static_cast<float>((i * 7919) % 10007) / 10007.0f - 20);
        const float exact = row_log_sum_exp(row, Path::kReference);
        EXPECT_NEAR(row_log_sum_exp(row), exact, 1e-6 * (1 + std::abs(static_cast<double>(exact)))) << spread;
    }
}

TEST(RowStatistics, SayThatAnEntryIsNotFinite) {
    for (const std::int64_t n : {1, 17, 33, 4097}) {
        for (const std::int64_t at : {std::int64_t{0}, n / 2, n - 1}) {
            for (const float bad : {kNotANumber, kInfinity, kLowest}) {
                std::vector<float> row = random_row(n, 2);
                row[static_cast<std::size_t>(at)] = bad;
                for (const Path path : {Path::kReference, Path::kPortable, Path::kNative}) {
                    EXPECT_FALSE(std::isfinite(row_sum(row, path))) << n << " " << bad;
                    EXPECT_FALSE(std::isfinite(row_log_sum_exp(row, path))) << n << " " << bad;
                }
            }
        }
    }
}

}  // namespace
}  // namespace nepenthe::kernels
