#include "kernels/span_moments.h"

#include "kernels/vector_math.h"

#include <cmath>

namespace nepenthe::kernels {

namespace {

// e·d^power; nothing where exp_of_non_positive() is exactly zero, so that −inf does not meet it.
template <int kPower>
NEPENTHE_ALWAYS_INLINE float weighted(float distance) {
    const float near = distance < -80.0f ? 0.0f : distance;
    float value = exp_of_non_positive(distance);
    for (int i = 0; i < kPower; ++i) value *= near;
    return value;
}

namespace reference {

SpanMoments moments(const float* logits, std::int64_t n, float shift) {
    double sum = 0, first = 0, second = 0;
    for (std::int64_t i = 0; i < n; ++i) {
        if (logits[i] == kLowest) continue;
        const double distance = static_cast<double>(logits[i]) - static_cast<double>(shift), e = std::exp(distance);
        sum += e;
        first += e * distance;
        second += e * distance * distance;
    }
    return {static_cast<float>(sum), static_cast<float>(first), static_cast<float>(second)};
}

}  // namespace reference

}  // namespace

SpanMoments span_moments(const float* logits, std::int64_t n, float shift, Path path) {
    // A span of nothing but −inf: relative to any other number its sums are 0.
    if (shift == kLowest) shift = 0.0f;
    if (path == Path::kReference) return reference::moments(logits, n, shift);
    // The exponential is taken three times: beside the product that made the logits it costs nothing, and each sum
    // keeps the lanes of lane_sum().
    return with_instruction_set(path, [=]() NEPENTHE_INLINED {
        const auto sum_of = [=]<int kPower>(std::integral_constant<int, kPower>) NEPENTHE_INLINED {
            return lane_sum(n, [=](std::int64_t i) NEPENTHE_INLINED { return weighted<kPower>(logits[i] - shift); });
        };
        return SpanMoments{sum_of(std::integral_constant<int, 0>()), sum_of(std::integral_constant<int, 1>()),
                           sum_of(std::integral_constant<int, 2>())};
    });
}

}  // namespace nepenthe::kernels
