#include "train/fixed_point.h"

#include "base/error.h"
#include "kernels/instruction_sets.h"

#include <ATen/Parallel.h>
#include <torch/types.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <mutex>

namespace nepenthe::train {

namespace {

constexpr std::int64_t kSumGrain = 16384;  // elements a task

// fp32 has 24 bits, so value * scale is exact in fp64 and the conversion to int64 rounds (to nearest even, by
// nearbyint) only what is finer than one unit.
NEPENTHE_ALWAYS_INLINE bool add_span(std::int64_t* __restrict sums, const float* __restrict values, std::int64_t n,
                                     double scale, double largest, bool first) {
    std::int64_t bad = 0;
    for (std::int64_t i = 0; i < n; ++i) {
        const double units = static_cast<double>(values[i]) * scale;
        const bool fits = std::abs(units) <= largest;  // false for NaN
        bad |= fits ? 0 : 1;
        const std::int64_t whole = static_cast<std::int64_t>(std::nearbyint(fits ? units : 0.0));
        sums[i] = first ? whole : sums[i] + whole;
    }
    return bad == 0;
}

NEPENTHE_ALWAYS_INLINE void to_float_span(float* __restrict values, const std::int64_t* __restrict sums, std::int64_t n,
                                          double unit) {
    for (std::int64_t i = 0; i < n; ++i) {
        values[i] = static_cast<float>(static_cast<double>(sums[i]) * unit);
    }
}

}  // namespace

FixedPoint::FixedPoint(double epsilon, std::int64_t addends) {
    constexpr int kBelowEpsilon = 17, kLeast = 20, kMost = 56;
    const int wanted = static_cast<int>(std::ceil(-std::log2(std::max(epsilon, 1e-30)))) + kBelowEpsilon;
    bits_ = std::clamp(wanted, kLeast, kMost);
    largest_ = (std::int64_t{1} << 62) / std::max<std::int64_t>(addends, 1);
}

double FixedPoint::limit() const { return std::ldexp(static_cast<double>(largest_), -bits_); }

bool FixedPoint::add(const at::Tensor& sums, const at::Tensor& values, bool first) const {
    NEPENTHE_CHECK(sums.numel() == values.numel());
    if (!sums.is_cpu()) return composed_add(sums, values, first);
    const double scale = std::ldexp(1.0, bits_), largest = static_cast<double>(largest_);
    std::int64_t* to = sums.mutable_data_ptr<std::int64_t>();
    const float* from = values.const_data_ptr<float>();
    std::atomic<bool> fits{true};
    at::parallel_for(0, sums.numel(), kSumGrain, [&](std::int64_t begin, std::int64_t end) {
        const bool all_fit = kernels::with_instruction_set(
            [=]() NEPENTHE_INLINED { return add_span(to + begin, from + begin, end - begin, scale, largest, first); });
        if (!all_fit) fits = false;
    });
    return fits;
}

void FixedPoint::to_float(const at::Tensor& values, const at::Tensor& sums) const {
    NEPENTHE_CHECK(sums.numel() == values.numel());
    if (!sums.is_cpu()) {
        composed_to_float(values, sums);
        return;
    }
    const double unit = std::ldexp(1.0, -bits_);
    float* to = values.mutable_data_ptr<float>();
    const std::int64_t* from = sums.const_data_ptr<std::int64_t>();
    at::parallel_for(0, sums.numel(), kSumGrain, [&](std::int64_t begin, std::int64_t end) {
        kernels::with_instruction_set(
            [=]() NEPENTHE_INLINED { to_float_span(to + begin, from + begin, end - begin, unit); });
    });
}

bool FixedPoint::composed_add(const at::Tensor& sums, const at::Tensor& values, bool first) const {
    const at::Tensor units = values.to(at::kDouble).mul_(std::ldexp(1.0, bits_));
    const bool fits = units.abs().le(static_cast<double>(largest_)).all().item<bool>();
    const at::Tensor whole = units.round_().to(at::kLong);
    first ? sums.copy_(whole) : sums.add_(whole);
    return fits;
}

void FixedPoint::composed_to_float(const at::Tensor& values, const at::Tensor& sums) const {
    values.copy_(sums.to(at::kDouble).mul_(std::ldexp(1.0, -bits_)));
}

SquareLimbs exact_squares(std::span<const std::int64_t> values) {
    __extension__ using Wide = unsigned __int128;
    SquareLimbs limbs{};
    std::mutex merging;
    at::parallel_for(0, static_cast<std::int64_t>(values.size()), kSumGrain, [&](std::int64_t begin, std::int64_t end) {
        // The two halves of each square are summed apart: neither sum can overflow for fewer than 2^64 values.
        Wide low = 0, high = 0;
        for (std::int64_t i = begin; i < end; ++i) {
            const std::int64_t value = values[static_cast<std::size_t>(i)];
            const auto magnitude = static_cast<std::uint64_t>(value < 0 ? -value : value);
            const Wide square = static_cast<Wide>(magnitude) * magnitude;
            low += static_cast<std::uint64_t>(square);
            high += static_cast<std::uint64_t>(square >> 64);
        }
        const std::lock_guard lock(merging);
        for (std::size_t i = 0; i < 4; ++i) {
            limbs[i] += static_cast<std::int64_t>(static_cast<std::uint32_t>(low >> (32 * i)));
            limbs[i + 2] += static_cast<std::int64_t>(static_cast<std::uint32_t>(high >> (32 * i)));
        }
    });
    return limbs;
}

double squares_value(const SquareLimbs& limbs, int bits) {
    // Carries first, so that equal sums give equal bits however they were distributed over the limbs.
    double value = 0;
    std::array<std::int64_t, std::tuple_size_v<SquareLimbs> + 1> digits{};
    std::int64_t carry = 0;
    for (std::size_t i = 0; i < limbs.size(); ++i) {
        const std::int64_t total = limbs[i] + carry;
        digits[i] = total & 0xffffffff;
        carry = total >> 32;
    }
    digits[limbs.size()] = carry;
    for (std::size_t i = digits.size(); i-- > 0;) {
        value += std::ldexp(static_cast<double>(digits[i]), static_cast<int>(32 * i) - 2 * bits);
    }
    return value;
}

}  // namespace nepenthe::train
