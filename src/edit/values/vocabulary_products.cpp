#include "edit/values/vocabulary_products.h"

#include "edit/values/avx512_registers.h"
#include "kernels/instruction_sets.h"

#include <algorithm>

namespace nepenthe::edit {

namespace {

NEPENTHE_ALWAYS_INLINE void logits_in_lanes(const Strip& strip, const float* states, float* logits) {
    for (std::int64_t v = 0; v < strip.ids; ++v) {
        float sums[kLaneBlock] = {};
        const float* row = strip.weights + v * strip.hidden;
        for (std::int64_t k = 0; k < strip.hidden; ++k) {
            for (std::int64_t l = 0; l < kLaneBlock; ++l) sums[l] += row[k] * states[k * kLaneBlock + l];
        }
        std::copy_n(sums, kLaneBlock, logits + v * kLaneBlock);
    }
}

NEPENTHE_ALWAYS_INLINE void sums_in_rows(const Strip& strip, const float* factors, std::int64_t lanes, float* sums) {
    for (std::int64_t l = 0; l < lanes; ++l) {
        float* sum = sums + l * strip.hidden;
        for (std::int64_t v = 0; v < strip.ids; ++v) {
            const float factor = factors[v * kLaneBlock + l];
            const float* row = strip.weights + v * strip.hidden;
            for (std::int64_t d = 0; d < strip.hidden; ++d) sum[d] += factor * row[d];
        }
    }
}

#ifdef NEPENTHE_AVX512

#define NEPENTHE_TARGET_AVX512 __attribute__((target("avx512f")))

bool has_avx512() { return kernels::instruction_set() == kernels::InstructionSet::kX86Level4; }

// Ids [v, v + kIds) of the strip: the sums of one vector of lanes, or of two, stay in registers for each id. Fetches
// the ids behind them.
template <int kIds, bool kTwoVectors>
NEPENTHE_TARGET_AVX512 inline void logits_of_ids(const float* weights, std::int64_t hidden, const float* states,
                                                 float* logits) {
    __m512 low[kIds], high[kIds];
#pragma GCC unroll 12
    for (int i = 0; i < kIds; ++i) low[i] = high[i] = _mm512_setzero_ps();
    const float* next = weights + kIds * hidden;
    for (std::int64_t k = 0; k < hidden; ++k) {
        if (k < kIds * hidden / 16) fetch(next + k * 16);
        const __m512 a = _mm512_loadu_ps(states + k * kLaneBlock), b = _mm512_loadu_ps(states + k * kLaneBlock + 16);
#pragma GCC unroll 12
        for (int i = 0; i < kIds; ++i) {
            const __m512 weight = _mm512_set1_ps(weights[i * hidden + k]);
            low[i] = _mm512_fmadd_ps(weight, a, low[i]);
            if constexpr (kTwoVectors) high[i] = _mm512_fmadd_ps(weight, b, high[i]);
        }
    }
#pragma GCC unroll 12
    for (int i = 0; i < kIds; ++i) {
        _mm512_storeu_ps(logits + i * kLaneBlock, low[i]);
        _mm512_storeu_ps(logits + i * kLaneBlock + 16, high[i]);
    }
}

NEPENTHE_TARGET_AVX512 void avx512_logits(const Strip& strip, const float* states, std::int64_t lanes, float* logits) {
    visit_ids(strip.ids, lanes, [&]<int kIds, bool kTwoVectors>(std::int64_t v) {
        logits_of_ids<kIds, kTwoVectors>(strip.weights + v * strip.hidden, strip.hidden, states,
                                         logits + v * kLaneBlock);
    });
}

// Lanes [0, kLanes) of `factors`, columns [0, 32) of the strip, of which the masks keep those that exist.
template <int kLanes>
NEPENTHE_TARGET_AVX512 inline void sums_of_lanes(const float* weights, const Strip& strip, const float* factors,
                                                 float* sums, ColumnMasks columns) {
    const auto [first, second] = columns;
    __m512 low[kLanes], high[kLanes];
#pragma GCC unroll 12
    for (int i = 0; i < kLanes; ++i) {
        low[i] = _mm512_maskz_loadu_ps(first, sums + i * strip.hidden);
        high[i] = _mm512_maskz_loadu_ps(second, sums + i * strip.hidden + 16);
    }
    for (std::int64_t v = 0; v < strip.ids; ++v) {
        const __m512 a = _mm512_maskz_loadu_ps(first, weights + v * strip.hidden);
        const __m512 b = _mm512_maskz_loadu_ps(second, weights + v * strip.hidden + 16);
#pragma GCC unroll 12
        for (int i = 0; i < kLanes; ++i) {
            const __m512 factor = _mm512_set1_ps(factors[v * kLaneBlock + i]);
            low[i] = _mm512_fmadd_ps(factor, a, low[i]);
            high[i] = _mm512_fmadd_ps(factor, b, high[i]);
        }
    }
#pragma GCC unroll 12
    for (int i = 0; i < kLanes; ++i) {
        _mm512_mask_storeu_ps(sums + i * strip.hidden, first, low[i]);
        _mm512_mask_storeu_ps(sums + i * strip.hidden + 16, second, high[i]);
    }
}

NEPENTHE_TARGET_AVX512 void avx512_sums(const Strip& strip, const float* factors, std::int64_t lanes, float* sums) {
    for (std::int64_t d = 0; d < strip.hidden; d += 32) {
        const ColumnMasks columns = column_masks(strip.hidden - d);
        visit_stretches(lanes, [&]<int kLanes>(std::int64_t l) {
            sums_of_lanes<kLanes>(strip.weights + d, strip, factors + l, sums + l * strip.hidden + d, columns);
        });
    }
}

#endif

}  // namespace

void strip_logits(const Strip& strip, const float* states, [[maybe_unused]] std::int64_t lanes, float* logits) {
#ifdef NEPENTHE_AVX512
    if (has_avx512()) return avx512_logits(strip, states, lanes, logits);
#endif
    kernels::with_instruction_set([=]() NEPENTHE_INLINED { logits_in_lanes(strip, states, logits); });
}

void strip_sums(const Strip& strip, const float* factors, std::int64_t lanes, float* sums) {
#ifdef NEPENTHE_AVX512
    if (has_avx512()) return avx512_sums(strip, factors, lanes, sums);
#endif
    kernels::with_instruction_set([=]() NEPENTHE_INLINED { sums_in_rows(strip, factors, lanes, sums); });
}

}  // namespace nepenthe::edit
