#pragma once
// Gradients as 64-bit fixed point, for sums that do not depend on the order or on the number of ranks: integer addition
// is associative. Used under TrainOptions::deterministic.

#include <ATen/core/Tensor.h>

#include <array>
#include <cstdint>
#include <span>

namespace nepenthe::train {

// One unit is 2^-bits. Chosen from AdamW's epsilon: a gradient that is 2^-17 of epsilon moves no weight, so finer
// resolution would be for nothing. Depends on neither ranks nor data.
class FixedPoint {
  public:
    // `addends`: how many values are summed at most; none may exceed limit(), so that no sum leaves 62 bits.
    FixedPoint(double epsilon, std::int64_t addends);

    int bits() const { return bits_; }
    // Largest magnitude of one addend.
    double limit() const;
    // sums += values (or = with `first`). sums: int64, values: fp32, equal length, on the host or a device. Returns
    // false when a value is not finite or beyond limit(); the sums are then worthless.
    bool add(const at::Tensor& sums, const at::Tensor& values, bool first) const;
    // values = sums, each rounded once.
    void to_float(const at::Tensor& values, const at::Tensor& sums) const;

    // The same, composed of ATen's operations: how they run on devices. Run on hosts too.
    bool composed_add(const at::Tensor& sums, const at::Tensor& values, bool first) const;
    void composed_to_float(const at::Tensor& values, const at::Tensor& sums) const;

  private:
    int bits_;
    std::int64_t largest_;  // units
};

// An exact sum of squares of int64 values, as limbs of 32 bits that can themselves be summed as int64 in any order over
// up to 2^31 ranks.
using SquareLimbs = std::array<std::int64_t, 8>;
SquareLimbs exact_squares(std::span<const std::int64_t> values);
// The value of summed limbs, correctly scaled: sum * 4^-bits.
double squares_value(const SquareLimbs& limbs, int bits);

}  // namespace nepenthe::train
