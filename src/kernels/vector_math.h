#pragma once
// What loops over lanes share: bf16 loads and stores, sums, the one exponential. Sums run in a fixed number of
// independent lanes in a fixed order, so that every instruction set, and every compiler's vectorisation, gives the same
// bits.

#include "kernels/instruction_sets.h"

#include <c10/util/BFloat16.h>

#include <array>
#include <bit>
#include <cstdint>
#include <limits>

namespace nepenthe::kernels {

constexpr std::int64_t kLanes = 32;
constexpr float kLowest = -std::numeric_limits<float>::infinity();  // the maximum of nothing

NEPENTHE_ALWAYS_INLINE float load(const float* from) { return *from; }
NEPENTHE_ALWAYS_INLINE float load(const c10::BFloat16* from) {
    return std::bit_cast<float>(static_cast<std::uint32_t>(from->x) << 16);
}
NEPENTHE_ALWAYS_INLINE void store(float* to, float value) { *to = value; }
NEPENTHE_ALWAYS_INLINE void store(c10::BFloat16* to, float value) {
    // Round to nearest even; values here are finite, so NaN needs no branch of its own.
    const std::uint32_t bits = std::bit_cast<std::uint32_t>(value);
    to->x = static_cast<std::uint16_t>((bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16);
}

template <std::int64_t kCount>
using Lanes = std::array<float, static_cast<std::size_t>(kCount)>;

// term(i) for i in [0, n), added up in lane i mod kCount.
template <std::int64_t kCount, typename Term>
NEPENTHE_ALWAYS_INLINE Lanes<kCount> add_to_lanes(std::int64_t n, Term term) {
    Lanes<kCount> lanes{};
    std::int64_t i = 0;
    for (; i + kCount <= n; i += kCount) {
        for (std::int64_t lane = 0; lane < kCount; ++lane) {
            lanes[static_cast<std::size_t>(lane)] += term(i + lane);
        }
    }
    for (std::int64_t lane = 0; i + lane < n; ++lane) {
        lanes[static_cast<std::size_t>(lane)] += term(i + lane);
    }
    return lanes;
}

// Σ term(i) for i in [0, n): kLanes lanes, which are joined by halves, a fixed tree.
template <typename Term>
NEPENTHE_ALWAYS_INLINE float lane_sum(std::int64_t n, Term term) {
    Lanes<kLanes> lanes = add_to_lanes<kLanes>(n, term);
    for (std::int64_t width = kLanes / 2; width > 0; width /= 2) {
        for (std::int64_t i = 0; i < width; ++i) {
            lanes[static_cast<std::size_t>(i)] += lanes[static_cast<std::size_t>(i + width)];
        }
    }
    return lanes[0];
}

// exp(x) within 2 ulp for |x| < 87: x = n·ln 2 + r, a degree-6 polynomial for exp(r), and n put into the exponent
// (reduction and polynomial of the Cephes library's expf). NaN for NaN; some number or other outside.
NEPENTHE_ALWAYS_INLINE float exp_in_range(float x) {
    constexpr float kLog2E = 1.44269504088896341f;
    constexpr float kLn2High = 0.693359375f, kLn2Low = -2.12194440e-4f;
    constexpr float kRound = 12582912.0f;  // 1.5 · 2^23: adding it rounds to an integer
    const float shifted = x * kLog2E + kRound;
    const float n = shifted - kRound;
    const float r = (x - n * kLn2High) - n * kLn2Low;
    float p = 1.9875691500e-4f;
    p = p * r + 1.3981999507e-3f;
    p = p * r + 8.3334519073e-3f;
    p = p * r + 4.1665795894e-2f;
    p = p * r + 1.6666665459e-1f;
    p = p * r + 5.0000001201e-1f;
    p = p * r * r + r + 1.0f;
    const std::uint32_t exponent = (std::bit_cast<std::uint32_t>(shifted) + 127u) << 23;
    return p * std::bit_cast<float>(exponent);
}

// exp(x), saturating outside of -87 … 88.
NEPENTHE_ALWAYS_INLINE float fast_exp(float x) {
    constexpr float kMost = 88.0f;
    x = x > kMost ? kMost : x;
    x = x < -kMost + 1.0f ? -kMost + 1.0f : x;
    return exp_in_range(x);
}

// exp(x) for x ≤ 0, exactly zero below -80 and for −inf.
NEPENTHE_ALWAYS_INLINE float exp_of_non_positive(float x) { return x < -80.0f ? 0.0f : exp_in_range(x); }

// Largest of n values, −inf where there is none; NaN are passed over.
template <typename Value>
NEPENTHE_ALWAYS_INLINE float lane_maximum(const Value* values, std::int64_t n) {
    Lanes<kLanes> lanes;
    lanes.fill(kLowest);
    std::int64_t i = 0;
    for (; i + kLanes <= n; i += kLanes) {
        for (std::int64_t lane = 0; lane < kLanes; ++lane) {
            const float value = load(values + i + lane);
            float& most = lanes[static_cast<std::size_t>(lane)];
            most = value > most ? value : most;
        }
    }
    for (std::int64_t lane = 0; i + lane < n; ++lane) {
        const float value = load(values + i + lane);
        float& most = lanes[static_cast<std::size_t>(lane)];
        most = value > most ? value : most;
    }
    float most = lanes[0];
    for (const float lane : lanes) {
        most = lane > most ? lane : most;
    }
    return most;
}

}  // namespace nepenthe::kernels
