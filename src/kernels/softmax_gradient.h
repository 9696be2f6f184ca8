#pragma once
// The softmax of a span of logits in their place, which is what the gradient of a cross-entropy is made of.

#include "kernels/dispatch.h"

#include <c10/util/BFloat16.h>

#include <cstdint>

namespace nepenthe::kernels {

// logits [n] become scale · exp(logit − log_sum_exp). `log_sum_exp` is that of the whole row. Probabilities below
// 2e-38, that of a logit of −inf too, may come out as large as that.
void softmax_gradient(float* logits, std::int64_t n, float log_sum_exp, float scale, Path path = path_in_use());
void softmax_gradient(c10::BFloat16* logits, std::int64_t n, float log_sum_exp, float scale, Path path = path_in_use());

}  // namespace nepenthe::kernels
