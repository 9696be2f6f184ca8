#pragma once
// What the kernels' tests share: widths that fill no vector, run or tile, rows of random logits with ties and −inf
// among them, bits to compare.

#include "base/random.h"
#include "kernels/vector_math.h"

#include <c10/util/BFloat16.h>

#include <array>
#include <bit>
#include <cstdint>
#include <limits>
#include <type_traits>
#include <vector>

namespace nepenthe::kernels::testing {

inline constexpr std::array<std::int64_t, 12> kWidths{1, 2, 15, 16, 17, 31, 32, 33, 4095, 4097, 32003, 262144};
inline constexpr float kNotANumber = std::numeric_limits<float>::quiet_NaN();
inline constexpr float kInfinity = std::numeric_limits<float>::infinity();

// Normal numbers of the given spread; with `ties` rounded to quarters, so that equal ones are common.
template <typename Value = float>
std::vector<Value> random_row(std::int64_t n, std::uint64_t seed, double spread = 4, bool ties = false) {
    RandomStream random(seed, "kernels_test", static_cast<std::uint64_t>(n));
    std::vector<Value> row;
    for (std::int64_t i = 0; i < n; ++i) {
        const double value = spread * random.normal();
        row.push_back(static_cast<Value>(
            static_cast<float>(ties ? static_cast<double>(static_cast<int>(value * 4)) / 4 : value)));
    }
    return row;
}

// Every third entry −inf, the first one not.
template <typename Value>
void mask_thirds(std::vector<Value>& row) {
    for (std::size_t i = 2; i < row.size(); i += 3) row[i] = static_cast<Value>(kLowest);
}

inline std::vector<std::uint32_t> bits_of(const std::vector<float>& values) {
    std::vector<std::uint32_t> bits;
    for (const float value : values) bits.push_back(std::bit_cast<std::uint32_t>(value));
    return bits;
}
inline std::vector<std::uint32_t> bits_of(const std::vector<c10::BFloat16>& values) {
    std::vector<std::uint32_t> bits;
    for (const c10::BFloat16 value : values) bits.push_back(value.x);
    return bits;
}

}  // namespace nepenthe::kernels::testing
