#pragma once
// What the fused CPU kernels share: bf16 loads and stores, a vectorisable exponential, and loops that are compiled for
// several instruction sets. Sums run in kLanes independent lanes in a fixed order, so that every instruction set, and
// every compiler vectorisation, gives the same bits.

#include <c10/util/BFloat16.h>

#include <array>
#include <bit>
#include <cstdint>

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && !defined(__SANITIZE_ADDRESS__)
#define NEPENTHE_VECTOR_CLONES __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define NEPENTHE_VECTOR_CLONES
#endif
#define NEPENTHE_ALWAYS_INLINE inline __attribute__((always_inline))

namespace nepenthe::model {

constexpr std::int64_t kLanes = 32;

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

// Sum of the lanes by halves, a fixed tree.
NEPENTHE_ALWAYS_INLINE float sum_lanes(std::array<float, kLanes>& lanes) {
    for (std::int64_t width = kLanes / 2; width > 0; width /= 2) {
        for (std::int64_t i = 0; i < width; ++i) {
            lanes[static_cast<std::size_t>(i)] += lanes[static_cast<std::size_t>(i + width)];
        }
    }
    return lanes[0];
}

// Adds term(i) for i in [0, n) to lane i mod kLanes.
template <typename Term>
NEPENTHE_ALWAYS_INLINE float lane_sum(std::int64_t n, Term term) {
    std::array<float, kLanes> lanes{};
    std::int64_t i = 0;
    for (; i + kLanes <= n; i += kLanes) {
        for (std::int64_t lane = 0; lane < kLanes; ++lane) {
            lanes[static_cast<std::size_t>(lane)] += term(i + lane);
        }
    }
    for (std::int64_t lane = 0; i + lane < n; ++lane) {
        lanes[static_cast<std::size_t>(lane)] += term(i + lane);
    }
    return sum_lanes(lanes);
}

// exp(x) within 2 ulp for |x| < 87, saturating outside: x = n·ln 2 + r, a degree-6 polynomial for exp(r), and n put
// into the exponent (the classical Cephes reduction).
NEPENTHE_ALWAYS_INLINE float fast_exp(float x) {
    constexpr float kMost = 88.0f;
    constexpr float kLog2E = 1.44269504088896341f;
    constexpr float kLn2High = 0.693359375f, kLn2Low = -2.12194440e-4f;
    constexpr float kRound = 12582912.0f;  // 1.5 · 2^23: adding it rounds to an integer
    x = x > kMost ? kMost : x;
    x = x < -kMost + 1.0f ? -kMost + 1.0f : x;
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

// exp(x) for x ≤ 0, exactly zero for −inf, which the saturating exponential alone does not give.
NEPENTHE_ALWAYS_INLINE float exp_of_non_positive(float x) { return x < -80.0f ? 0.0f : fast_exp(x); }

// Largest of values[begin, end), not empty.
NEPENTHE_ALWAYS_INLINE float span_maximum(const float* values, std::int64_t begin, std::int64_t end) {
    std::array<float, kLanes> lanes;
    lanes.fill(values[end - 1]);
    std::int64_t j = begin;
    for (; j + kLanes <= end; j += kLanes) {
        for (std::int64_t lane = 0; lane < kLanes; ++lane) {
            float& most = lanes[static_cast<std::size_t>(lane)];
            most = values[j + lane] > most ? values[j + lane] : most;
        }
    }
    float most = values[end - 1];
    for (; j < end; ++j) {
        most = values[j] > most ? values[j] : most;
    }
    for (const float lane : lanes) {
        most = lane > most ? lane : most;
    }
    return most;
}

}  // namespace nepenthe::model
