#include "kernels/span_softmax.h"

#include "kernels/vector_math.h"

#include <cmath>

namespace nepenthe::kernels {

namespace {

namespace reference {

template <typename Value>
float maximum(const Value* logits, std::int64_t n) {
    float most = kLowest;
    for (std::int64_t i = 0; i < n; ++i) {
        if (load(logits + i) > most) most = load(logits + i);
    }
    return most;
}

template <typename Value>
float sum(const Value* logits, std::int64_t n, float shift) {
    double total = 0;
    for (std::int64_t i = 0; i < n; ++i) {
        total += std::exp(static_cast<double>(load(logits + i)) - static_cast<double>(shift));
    }
    return static_cast<float>(total);
}

}  // namespace reference

template <typename Value>
float maximum(const Value* logits, std::int64_t n, Path path) {
    if (path == Path::kReference) return reference::maximum(logits, n);
    return with_instruction_set(path, [=]() NEPENTHE_INLINED { return lane_maximum(logits, n); });
}

template <typename Value>
float sum(const Value* logits, std::int64_t n, float shift, Path path) {
    // A span of nothing but −inf: relative to any other number its sum is 0.
    if (shift == kLowest) shift = 0.0f;
    if (path == Path::kReference) return reference::sum(logits, n, shift);
    return with_instruction_set(path, [=]() NEPENTHE_INLINED {
        return lane_sum(n,
                        [=](std::int64_t i) NEPENTHE_INLINED { return exp_of_non_positive(load(logits + i) - shift); });
    });
}

}  // namespace

float span_maximum(const float* logits, std::int64_t n, Path path) { return maximum(logits, n, path); }
float span_maximum(const c10::BFloat16* logits, std::int64_t n, Path path) { return maximum(logits, n, path); }

float sum_of_exponentials(const float* logits, std::int64_t n, float shift, Path path) {
    return sum(logits, n, shift, path);
}
float sum_of_exponentials(const c10::BFloat16* logits, std::int64_t n, float shift, Path path) {
    return sum(logits, n, shift, path);
}

}  // namespace nepenthe::kernels
