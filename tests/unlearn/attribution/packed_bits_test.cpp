// Bits against a plain vector of booleans.
#include "unlearn/attribution/packed_bits.h"

#include "base/random.h"
#include "expected_errors.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace nepenthe::unlearn {
namespace {

PackedBits pack(const std::vector<bool>& values) {
    PackedBits bits(std::ssize(values));
    for (std::size_t i = 0; i < values.size(); ++i) {
        if (values[i]) bits.set(static_cast<std::int64_t>(i));
    }
    return bits;
}

std::vector<bool> random_bits(std::size_t n, std::uint64_t seed) {
    RandomStream random(seed, "packed_bits_test", n);
    std::vector<bool> values;
    for (std::size_t i = 0; i < n; ++i) values.push_back(random.below(2) == 1);
    return values;
}

TEST(PackedBits, AreCountedFromTheLeast) {
    EXPECT_EQ(pack({true, false, true, true}).bytes(), (std::vector<std::uint8_t>{13}));
    EXPECT_EQ(pack({false, false, false, false, false, false, false, false, true}).bytes(),
              (std::vector<std::uint8_t>{0, 1}));
}

TEST(PackedBits, CutAndPutTogether) {
    for (const std::size_t n : {1u, 7u, 8u, 9u, 64u, 83u}) {
        const std::vector<bool> values = random_bits(n, 1);
        const PackedBits bits = pack(values);
        EXPECT_EQ(bits.count(), std::count(values.begin(), values.end(), true));
        for (std::size_t begin = 0; begin <= n; ++begin) {
            for (std::size_t end = begin; end <= n; ++end) {
                const std::vector<bool> part(values.begin() + static_cast<std::ptrdiff_t>(begin),
                                             values.begin() + static_cast<std::ptrdiff_t>(end));
                const PackedBits slice =
                    bits.slice(static_cast<std::int64_t>(begin), static_cast<std::int64_t>(end - begin));
                ASSERT_EQ(slice, pack(part)) << n << " " << begin << " " << end;
                std::vector<bool> alone(n, false);
                std::copy(part.begin(), part.end(), alone.begin() + static_cast<std::ptrdiff_t>(begin));
                PackedBits merged(static_cast<std::int64_t>(n));
                merged.merge(static_cast<std::int64_t>(begin), slice);
                ASSERT_EQ(merged, pack(alone)) << n << " " << begin << " " << end;
            }
        }
    }
}

TEST(PackedBits, Combine) {
    const std::vector<bool> a = random_bits(83, 2), b = random_bits(83, 3);
    std::vector<bool> either, both, none;
    for (std::size_t i = 0; i < a.size(); ++i) {
        either.push_back(a[i] || b[i]);
        both.push_back(a[i] && b[i]);
        none.push_back(!a[i]);
    }
    PackedBits united = pack(a), common = pack(a), inverse = pack(a);
    EXPECT_EQ(united |= pack(b), pack(either));
    EXPECT_EQ(common &= pack(b), pack(both));
    inverse.flip();
    EXPECT_EQ(inverse, pack(none));
}

TEST(PackedBits, RefuseOtherBytes) {
    EXPECT_EQ(PackedBits(9, {255, 1}).count(), 9);
    for (const std::vector<std::uint8_t>& bytes : {std::vector<std::uint8_t>{255}, {255, 2}, {255, 1, 0}})
        EXPECT_EQ(nepenthe::testing::error_of([&] { PackedBits(9, bytes); }).kind(), ErrorKind::kData);
    EXPECT_EQ(PackedBits(0, {}).count(), 0);
}

}  // namespace
}  // namespace nepenthe::unlearn
