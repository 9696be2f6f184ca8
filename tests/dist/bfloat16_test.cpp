#include "dist/bfloat16.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace nepenthe::dist {
namespace {

TEST(BFloat16, ComesBackUnchanged) {
    for (std::uint32_t bits = 0; bits < 0x10000; ++bits) {
        const auto narrow = static_cast<std::uint16_t>(bits);
        const float wide = float_from_bfloat16(narrow);
        if (std::isnan(wide)) {
            EXPECT_TRUE(std::isnan(float_from_bfloat16(bfloat16_from_float(wide))));
        } else {
            EXPECT_EQ(bfloat16_from_float(wide), narrow);
        }
    }
}

TEST(BFloat16, RoundsToNearestTiesToEven) {
    EXPECT_EQ(bfloat16_from_float(1.0f), 0x3f80);
    EXPECT_EQ(bfloat16_from_float(1.0f + 1.0f / 256), 0x3f80);  // tie, even below
    EXPECT_EQ(bfloat16_from_float(1.0f + 3.0f / 256), 0x3f82);  // tie, even above
    EXPECT_EQ(bfloat16_from_float(1.0f + 1.01f / 256), 0x3f81);
    EXPECT_EQ(bfloat16_from_float(std::numeric_limits<float>::max()), 0x7f80);
    EXPECT_EQ(bfloat16_from_float(-std::numeric_limits<float>::infinity()), 0xff80);
}

}  // namespace
}  // namespace nepenthe::dist
