#pragma once
// What the mean and the variance of log p under p need of one span of a row of logits: sums of exponentials relative to
// a shift, weighted by the distance from it. fp32 in 32 lanes, as sum_of_exponentials(); a row's spans meet in
// RunningMoments.

#include "kernels/dispatch.h"

#include <cstdint>

namespace nepenthe::kernels {

struct SpanMoments {
    float sum = 0;     // Σ e, e = exp(d), d = logit − shift
    float first = 0;   // Σ e·d
    float second = 0;  // Σ e·d²
};

// No logit is greater than `shift`. Logits of −inf add nothing, those below shift − 80 may be left out. NaN where a
// logit is NaN or +inf.
SpanMoments span_moments(const float* logits, std::int64_t n, float shift, Path path = path_in_use());

}  // namespace nepenthe::kernels
