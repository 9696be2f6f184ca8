#pragma once
// Sweeps over one row of logits, in vectors of 16 lanes. Lanes are fixed, so results do not depend on the instruction
// set that a build or a machine uses.

#include <cstdint>
#include <span>
#include <vector>

namespace nepenthe::unlearn {

// Sum in fp32 lanes, joined in fp64.
double row_sum(std::span<const float> row);

// log Σ exp(row); not finite where an entry is not.
float row_log_sum_exp(std::span<const float> row);

// Largest and second largest v over the vocabulary, and where.
struct Best {
    float first = 0, second = 0;
    std::int32_t index = 0;
};
// v = (b − shift_b) − α·ReLU((r − shift_r) − (b − shift_b)) where b ≥ bar, for several α in one sweep; ties go to the
// lowest index. `second` is −∞ where one entry alone reaches the bar. best.size() == alphas.size().
void row_combine(std::span<const float> b, float shift_b, float bar, std::span<const float> r, float shift_r,
                 std::span<const float> alphas, std::span<Best> best);

// Indices of the k largest entries, by falling value, ties by rising index.
void row_top_k(std::span<const float> row, std::int64_t k, std::vector<std::int32_t>& scratch,
               std::span<std::int32_t> out);

}  // namespace nepenthe::unlearn
