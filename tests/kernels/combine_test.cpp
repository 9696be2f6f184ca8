// The combination of two rows against the obvious loop: the same numbers, not only near ones.
#include "kernels/combine.h"

#include "kernels/odd_shapes.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace nepenthe::kernels {
namespace {

using namespace testing;

TEST(RowCombine, IsTheReferencesAtOddWidths) {
    const std::vector<float> all_alphas{0, 0.5f, 2.5f, 5, 10, 20, 0, 3, 1};
    for (const std::int64_t n : kWidths) {
        for (const bool ties : {false, true}) {
            const std::vector<float> b = random_row(n, 1, 4, ties), r = random_row(n, 2, 4, ties);
            const float largest = *std::max_element(b.begin(), b.end());
            for (const std::size_t count : {1u, 4u, 5u, 9u}) {
                const float bar = count == 4 ? largest : count == 5 ? largest - 2 : kLowest;
                const std::vector<float> alphas(all_alphas.begin(),
                                                all_alphas.begin() + static_cast<std::ptrdiff_t>(count));
                std::vector<Best> exact(count), mine(count);
                row_combine(b, 1.25f, bar, r, -0.5f, alphas, exact, Path::kReference);
                for (const Path path : {Path::kPortable, Path::kNative}) {
                    row_combine(b, 1.25f, bar, r, -0.5f, alphas, mine, path);
                    for (std::size_t i = 0; i < count; ++i) {
                        EXPECT_EQ(mine[i].index, exact[i].index) << n << " " << alphas[i];
                        EXPECT_EQ(mine[i].first, exact[i].first) << n << " " << alphas[i];
                        EXPECT_EQ(mine[i].second, exact[i].second) << n << " " << alphas[i];
                    }
                }
            }
        }
    }
}

TEST(RowCombine, TiesGoToTheLowestIndex) {
    std::vector<float> b(4097, 1.0f), r(4097, 0.0f);
    b[21] = b[37] = b[4096] = 2;
    for (const Path path : {Path::kReference, Path::kPortable, Path::kNative}) {
        const std::vector<float> alphas{0, 5};
        std::vector<Best> best(2);
        row_combine(b, 0, kLowest, r, 0, alphas, best, path);
        EXPECT_EQ(best[1].index, 21);
        EXPECT_EQ(best[1].first, best[1].second);
    }
}

}  // namespace
}  // namespace nepenthe::kernels
