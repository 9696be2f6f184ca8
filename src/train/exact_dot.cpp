#include "train/exact_dot.h"

#include "base/error.h"

#include <ATen/Parallel.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <mutex>

namespace nepenthe::train {

namespace {

constexpr std::int64_t kDotGrain = 1 << 20;  // elements a task, and between carries: 2^20 addends of 2^32 fit a digit

// Every digit but the highest into [0, 2^32).
void carry(ExactSum& sum) {
    for (std::size_t i = 0; i + 1 < sum.digits.size(); ++i) {
        const std::int64_t over = sum.digits[i] >> 32;  // rounds down
        sum.digits[i] -= over * (std::int64_t{1} << 32);
        sum.digits[i + 1] += over;
    }
}

// A product of two fp32 numbers is exact in fp64: 48 bits at most.
void add(ExactSum& sum, double product) {
    const auto bits = std::bit_cast<std::uint64_t>(product);
    const auto exponent = static_cast<int>(bits >> 52 & 0x7ff);
    if (exponent == 0) return;  // zero: no product is subnormal in fp64
    const std::uint64_t mantissa = (bits & ((std::uint64_t{1} << 52) - 1)) | (std::uint64_t{1} << 52);
    // product = mantissa · 2^(exponent − 1075); below kLowest the mantissa has zeros only.
    const int place = exponent - 1075 - ExactSum::kLowest;
    __extension__ using Wide = unsigned __int128;
    const Wide shifted =
        place >= 0 ? static_cast<Wide>(mantissa) << (place % 32) : static_cast<Wide>(mantissa >> -place);
    const std::size_t digit = place >= 0 ? static_cast<std::size_t>(place / 32) : 0;
    const std::int64_t sign = product < 0 ? -1 : 1;
    for (std::size_t i = 0; i < 3; ++i) {
        sum.digits[digit + i] += sign * static_cast<std::int64_t>(static_cast<std::uint32_t>(shifted >> (32 * i)));
    }
}

}  // namespace

double ExactSum::value() const {
    ExactSum sum = *this;
    carry(sum);
    double value = 0;
    for (std::size_t i = sum.digits.size(); i-- > 0;) {
        value += std::ldexp(static_cast<double>(sum.digits[i]), static_cast<int>(32 * i) + kLowest);
    }
    return value;
}

ExactSum exact_dot(std::span<const float> a, std::span<const float> b) {
    NEPENTHE_CHECK(a.size() == b.size());
    ExactSum sum;
    std::mutex merging;
    at::parallel_for(0, static_cast<std::int64_t>(a.size()), kDotGrain, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t first = begin; first < end; first += kDotGrain) {
            ExactSum part;
            for (auto i = static_cast<std::size_t>(first);
                 i < static_cast<std::size_t>(std::min(first + kDotGrain, end)); ++i) {
                add(part, static_cast<double>(a[i]) * static_cast<double>(b[i]));
            }
            carry(part);
            const std::lock_guard lock(merging);
            for (std::size_t i = 0; i < sum.digits.size(); ++i) sum.digits[i] += part.digits[i];
        }
    });
    carry(sum);
    return sum;
}

}  // namespace nepenthe::train
