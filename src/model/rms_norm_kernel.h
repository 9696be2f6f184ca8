#pragma once
// One row of the root-mean-square norm, shared by the norm of hidden states and the norm of heads before rotation.

#include "kernels/vector_math.h"

#include <cmath>
#include <cstdint>

namespace nepenthe::model {

// 1 / rms of the row.
template <typename Value>
NEPENTHE_ALWAYS_INLINE float inverse_rms(const Value* x, std::int64_t n, float epsilon) {
    const float squares = kernels::lane_sum(n, [&](std::int64_t i) NEPENTHE_INLINED {
        const float value = kernels::load(x + i);
        return value * value;
    });
    return 1.0f / std::sqrt(squares / static_cast<float>(n) + epsilon);
}

// Gradient of y = x · inverse · w: writes dx, adds to dw. `gradient` is a callable i → dy[i].
template <typename Value, typename Out, typename Gradient>
NEPENTHE_ALWAYS_INLINE void rms_row_backward(const Value* x, const float* weight, float inverse, std::int64_t n,
                                             Gradient gradient, Out* dx, float* dweight) {
    const float dot = kernels::lane_sum(
        n, [&](std::int64_t i) NEPENTHE_INLINED { return gradient(i) * weight[i] * kernels::load(x + i); });
    const float pull = dot * inverse * inverse * inverse / static_cast<float>(n);
    if (dweight != nullptr) {
        for (std::int64_t i = 0; i < n; ++i) {
            dweight[i] += gradient(i) * (kernels::load(x + i) * inverse);
        }
    }
    for (std::int64_t i = 0; i < n; ++i) {
        kernels::store(dx + i, gradient(i) * weight[i] * inverse - kernels::load(x + i) * pull);
    }
}

}  // namespace nepenthe::model
