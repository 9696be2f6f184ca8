#pragma once
// The softmax of many rows at once that stand side by side: logits [id, lane], a row a lane, a strip of ids at a time.

#include "kernels/dispatch.h"

#include <cstdint>

namespace nepenthe::kernels {

constexpr std::int64_t kLaneBlock = 32;  // rows side by side

// Logits [ids, kLaneBlock] become weights exp(logit − maximum) · (1 − (logit / cap)²), the second factor being the
// slope of the soft cap that they went through; cap 0: none. Per lane: `maximum` (in and out, −inf before the first
// strip) grows over the strips seen, `factor` is what brings earlier sums to the new one, `sum` this strip's Σ
// exp(logit − maximum). Logits are finite; weights may be as large as 1e-37 where they should be smaller.
void weigh_strip(float* logits, std::int64_t ids, float cap, float* maximum, float* factor, float* sum,
                 Path path = path_in_use());

}  // namespace nepenthe::kernels
