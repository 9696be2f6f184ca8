#pragma once
// One row of two models' logits combined: v = b − α·ReLU(r − b), and the best of it. The arithmetic is fp32 on every
// path, entry by entry, so that all of them give the same bits.

#include "kernels/dispatch.h"

#include <cstdint>
#include <span>

namespace nepenthe::kernels {

// v of one entry; `b` and `r` are on the same scale (logits, or log-probabilities).
inline float combine_value(float b, float r, float alpha) {
    const float over = r - b;
    return b - alpha * (over > 0.0f ? over : 0.0f);
}

// Largest and second largest v over the vocabulary, and where.
struct Best {
    float first = 0, second = 0;
    std::int32_t index = 0;
};

// v = (b − shift_b) − α·ReLU((r − shift_r) − (b − shift_b)) where b ≥ bar, for several α in one sweep; ties go to the
// lowest index. `second` is −∞ where one entry alone reaches the bar. best.size() == alphas.size(). Entries are finite.
void row_combine(std::span<const float> b, float shift_b, float bar, std::span<const float> r, float shift_r,
                 std::span<const float> alphas, std::span<Best> best, Path path = path_in_use());

}  // namespace nepenthe::kernels
