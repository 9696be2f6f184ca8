#pragma once
// What a softmax needs of one span of a row of logits: its maximum, and the sum of exponentials relative to a shift.
// The sum is fp32 in 32 lanes (vector_math.h), which is meant for thousands of logits, not for a whole vocabulary; a
// row's spans meet in RunningSoftmax.

#include "kernels/dispatch.h"

#include <c10/util/BFloat16.h>

#include <cstdint>

namespace nepenthe::kernels {

// Largest of n logits; −inf where all are −inf or n is 0. NaN are passed over.
float span_maximum(const float* logits, std::int64_t n, Path path = path_in_use());
float span_maximum(const c10::BFloat16* logits, std::int64_t n, Path path = path_in_use());

// Σ exp(logit − shift); no logit is greater than `shift`. Logits of −inf add nothing, those below shift − 80 may be
// left out. NaN where a logit is NaN or +inf.
float sum_of_exponentials(const float* logits, std::int64_t n, float shift, Path path = path_in_use());
float sum_of_exponentials(const c10::BFloat16* logits, std::int64_t n, float shift, Path path = path_in_use());

}  // namespace nepenthe::kernels
