#pragma once
// Products of two vectors without rounding: the same bits whatever the order of the addends, the number of threads and
// the number of ranks that hold them (a superaccumulator; Neal, "Fast exact summation using small and large
// superaccumulators", arXiv 1505.05571).

#include <ATen/core/Tensor.h>

#include <array>
#include <cstdint>
#include <span>

namespace nepenthe::train {

// Σ of products of two fp32 numbers as digits of 32 bits, each with room for carries. Adding the digits of several sums
// adds the sums, in any order, also as int64 over ranks (up to 2^30 of them).
struct ExactSum {
    // The lowest digit counts in 2^-298, the smallest product of two subnormal numbers; the highest has room to spare.
    static constexpr int kLowest = -298;
    std::array<std::int64_t, 22> digits{};

    double value() const;  // rounded once, but for the last bit
};

// Σ a[i] · b[i] of equally long spans; all finite. Carries are resolved: every digit is below 2^32 in magnitude.
ExactSum exact_dot(std::span<const float> a, std::span<const float> b);

}  // namespace nepenthe::train
