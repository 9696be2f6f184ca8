// The largest entries against a sort of the whole row.
#include "kernels/top_k.h"

#include "kernels/odd_shapes.h"

#include <gtest/gtest.h>

namespace nepenthe::kernels {
namespace {

using namespace testing;

TEST(RowTopK, IsTheReferencesAtOddWidths) {
    std::vector<std::int32_t> scratch;
    for (const std::int64_t n : kWidths) {
        for (const bool ties : {false, true}) {
            const std::vector<float> row = random_row(n, 1, 4, ties);
            for (const std::int64_t k : {std::int64_t{1}, std::int64_t{2}, std::int64_t{64}, n}) {
                if (k > n || k > 5000) continue;
                std::vector<std::int32_t> exact(static_cast<std::size_t>(k)), mine(exact);
                row_top_k(row, scratch, exact, Path::kReference);
                for (const Path path : {Path::kPortable, Path::kNative}) {
                    row_top_k(row, scratch, mine, path);
                    EXPECT_EQ(mine, exact) << n << " " << k << " " << ties;
                }
            }
        }
    }
}

TEST(RowTopK, RisingAndFallingRows) {
    std::vector<std::int32_t> scratch, exact(64), mine(64);
    for (const float slope : {1.0f, -1.0f, 0.0f}) {
        std::vector<float> row;
        for (int i = 0; i < 10007; ++i) row.push_back(slope * static_cast<float>(i));
        row_top_k(row, scratch, exact, Path::kReference);
        row_top_k(row, scratch, mine);
        EXPECT_EQ(mine, exact) << slope;
    }
}

}  // namespace
}  // namespace nepenthe::kernels
