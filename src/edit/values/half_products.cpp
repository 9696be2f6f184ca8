#include "edit/values/half_products.h"

#include "base/error.h"
#include "edit/values/avx512_registers.h"
#include "kernels/instruction_sets.h"

#include <cstring>
#include <vector>

namespace nepenthe::edit {

// Clang 16's back end ends in a fault of its own over these products; built by Clang, there are none.
#if defined(NEPENTHE_AVX512) && !defined(__clang__)
#define NEPENTHE_HALF_PRODUCTS 1
#endif

#ifdef NEPENTHE_HALF_PRODUCTS

namespace {

#define NEPENTHE_TARGET_HALF __attribute__((target("avx512f,avx512bf16")))

// Two bf16 numbers that lie side by side, as the products want them.
using Pair = std::int32_t;

NEPENTHE_TARGET_HALF inline __m512bh all_lanes(const void* pair) {
    Pair both;
    std::memcpy(&both, pair, sizeof both);
    return (__m512bh)_mm512_set1_epi32(both);
}

template <int kIds, bool kTwoVectors>
NEPENTHE_TARGET_HALF inline void half_logits_of_ids(const std::uint16_t* weights, std::int64_t hidden,
                                                    const std::uint16_t* states, float* logits) {
    __m512 low[kIds], high[kIds];
#pragma GCC unroll 12
    for (int i = 0; i < kIds; ++i) low[i] = high[i] = _mm512_setzero_ps();
    for (std::int64_t k = 0; k < hidden; k += 2) {
        const std::uint16_t* state = states + k * kLaneBlock;
        const auto a = (__m512bh)_mm512_loadu_si512(state), b = (__m512bh)_mm512_loadu_si512(state + kLaneBlock);
#pragma GCC unroll 12
        for (int i = 0; i < kIds; ++i) {
            const __m512bh weight = all_lanes(weights + i * hidden + k);
            low[i] = _mm512_dpbf16_ps(low[i], weight, a);
            if constexpr (kTwoVectors) high[i] = _mm512_dpbf16_ps(high[i], weight, b);
        }
    }
#pragma GCC unroll 12
    for (int i = 0; i < kIds; ++i) {
        _mm512_storeu_ps(logits + i * kLaneBlock, low[i]);
        _mm512_storeu_ps(logits + i * kLaneBlock + 16, high[i]);
    }
}

NEPENTHE_TARGET_HALF void avx512_half_logits(const HalfStrip& strip, const std::uint16_t* states, std::int64_t lanes,
                                             float* logits) {
    visit_ids(strip.ids, lanes, [&]<int kIds, bool kTwoVectors>(std::int64_t v) {
        half_logits_of_ids<kIds, kTwoVectors>(strip.weights + v * strip.hidden, strip.hidden, states,
                                              logits + v * kLaneBlock);
    });
}

// Every number in the lower half of 32 bits. (GCC 12 warns of its own unmasked intrinsics.)
NEPENTHE_TARGET_HALF inline __m512i widened(__m256bh numbers) {
    return _mm512_maskz_cvtepu16_epi32(0xffff, (__m256i)numbers);
}

// Sixteen numbers beside sixteen others, each in the lower half of 32 bits.
NEPENTHE_TARGET_HALF inline __m512i paired(__m512i first, __m512i second) {
    return _mm512_or_si512(first, _mm512_maskz_slli_epi32(0xffff, second, 16));
}

// Factors of rows 2r and 2r + 1 of the strip, side by side and rounded: [(ids + 1) / 2, kLaneBlock].
NEPENTHE_TARGET_HALF void round_factors(const float* factors, std::int64_t ids, Pair* pairs) {
    for (std::int64_t v = 0; v < ids; v += 2) {
        for (std::int64_t l = 0; l < kLaneBlock; l += 16) {
            const float* first = factors + v * kLaneBlock + l;
            const __m512 second = v + 1 < ids ? _mm512_loadu_ps(first + kLaneBlock) : _mm512_setzero_ps();
            _mm512_storeu_si512(
                pairs + v / 2 * kLaneBlock + l,
                paired(widened(_mm512_cvtneps_pbh(_mm512_loadu_ps(first))), widened(_mm512_cvtneps_pbh(second))));
        }
    }
}

NEPENTHE_TARGET_HALF inline __m512i load_widened(const std::uint16_t* numbers) {
    return _mm512_maskz_cvtepu16_epi32(0xffff, _mm256_loadu_si256(reinterpret_cast<const __m256i*>(numbers)));
}

// interleave_rows() for two rows; returns how many columns, from the first on, it has done.
NEPENTHE_TARGET_HALF std::int64_t avx512_interleave(const std::uint16_t* first, const std::uint16_t* second,
                                                    std::int64_t hidden, std::uint16_t* pairs) {
    constexpr std::int64_t kPairsAhead = 3;
    std::int64_t d = 0;
    for (; d + 16 <= hidden; d += 16) {
        fetch(first + 2 * kPairsAhead * hidden + 2 * d);
        _mm512_storeu_si512(pairs + 2 * d, paired(load_widened(first + d), load_widened(second + d)));
    }
    return d;
}

template <int kLanes>
NEPENTHE_TARGET_HALF inline void half_sums_of_lanes(const Pair* rows, std::int64_t pairs, std::int64_t hidden,
                                                    const Pair* factors, float* sums, ColumnMasks columns) {
    const auto [first, second] = columns;
    __m512 low[kLanes], high[kLanes];
#pragma GCC unroll 12
    for (int i = 0; i < kLanes; ++i) {
        low[i] = _mm512_maskz_loadu_ps(first, sums + i * hidden);
        high[i] = _mm512_maskz_loadu_ps(second, sums + i * hidden + 16);
    }
    for (std::int64_t r = 0; r < pairs; ++r) {
        const auto a = (__m512bh)_mm512_maskz_loadu_epi32(first, rows + r * hidden);
        const auto b = (__m512bh)_mm512_maskz_loadu_epi32(second, rows + r * hidden + 16);
#pragma GCC unroll 12
        for (int i = 0; i < kLanes; ++i) {
            const __m512bh factor = all_lanes(factors + r * kLaneBlock + i);
            low[i] = _mm512_dpbf16_ps(low[i], factor, a);
            high[i] = _mm512_dpbf16_ps(high[i], factor, b);
        }
    }
#pragma GCC unroll 12
    for (int i = 0; i < kLanes; ++i) {
        _mm512_mask_storeu_ps(sums + i * hidden, first, low[i]);
        _mm512_mask_storeu_ps(sums + i * hidden + 16, second, high[i]);
    }
}

NEPENTHE_TARGET_HALF void avx512_half_sums(const HalfStrip& strip, const Pair* rows, const float* factors,
                                           std::int64_t lanes, float* sums) {
    const std::int64_t pairs = (strip.ids + 1) / 2;
    std::vector<Pair> rounded(static_cast<std::size_t>(pairs * kLaneBlock));
    round_factors(factors, strip.ids, rounded.data());
    for (std::int64_t d = 0; d < strip.hidden; d += 32) {
        const ColumnMasks columns = column_masks(strip.hidden - d);
        visit_stretches(lanes, [&]<int kLanes>(std::int64_t l) {
            half_sums_of_lanes<kLanes>(rows + d, pairs, strip.hidden, rounded.data() + l, sums + l * strip.hidden + d,
                                       columns);
        });
    }
}

}  // namespace

#endif

bool has_half_products() {
#ifdef NEPENTHE_HALF_PRODUCTS
    static const bool has =
        kernels::instruction_set() == kernels::InstructionSet::kX86Level4 && __builtin_cpu_supports("avx512bf16");
    return has;
#else
    return false;
#endif
}

void interleave_rows(const HalfStrip& strip, std::uint16_t* pairs) {
    for (std::int64_t v = 0; v < strip.ids; v += 2) {
        const std::uint16_t* first = strip.weights + v * strip.hidden;
        const bool both = v + 1 < strip.ids;
        std::uint16_t* out = pairs + v * strip.hidden;
        std::int64_t d = 0;
#ifdef NEPENTHE_HALF_PRODUCTS
        if (both && has_half_products()) d = avx512_interleave(first, first + strip.hidden, strip.hidden, out);
#endif
        for (; d < strip.hidden; ++d) {
            out[2 * d] = first[d];
            out[2 * d + 1] = both ? first[strip.hidden + d] : std::uint16_t{0};
        }
    }
}

void half_strip_logits([[maybe_unused]] const HalfStrip& strip, [[maybe_unused]] const std::uint16_t* states,
                       [[maybe_unused]] std::int64_t lanes, [[maybe_unused]] float* logits) {
    NEPENTHE_CHECK(has_half_products());
#ifdef NEPENTHE_HALF_PRODUCTS
    avx512_half_logits(strip, states, lanes, logits);
#endif
}

void half_strip_sums([[maybe_unused]] const HalfStrip& strip, [[maybe_unused]] const std::uint16_t* pairs,
                     [[maybe_unused]] const float* factors, [[maybe_unused]] std::int64_t lanes,
                     [[maybe_unused]] float* sums) {
    NEPENTHE_CHECK(has_half_products());
#ifdef NEPENTHE_HALF_PRODUCTS
    avx512_half_sums(strip, reinterpret_cast<const Pair*>(pairs), factors, lanes, sums);
#endif
}

}  // namespace nepenthe::edit
