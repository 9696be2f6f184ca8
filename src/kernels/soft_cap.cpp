#include "kernels/soft_cap.h"

#include "kernels/vector_math.h"

#include <cmath>

namespace nepenthe::kernels {

namespace {

template <typename Value>
void cap_all(Value* logits, std::int64_t n, float cap) {
    for (std::int64_t i = 0; i < n; ++i) store(logits + i, cap * std::tanh(load(logits + i) / cap));
}

template <typename Value>
void bend_all(Value* gradient, const float* capped, std::int64_t n, float cap) {
    for (std::int64_t i = 0; i < n; ++i) {
        const float share = capped[i] / cap;
        store(gradient + i, load(gradient + i) * (1.0f - share * share));
    }
}

}  // namespace

void soft_cap(float* logits, std::int64_t n, float cap) { cap_all(logits, n, cap); }
void soft_cap(c10::BFloat16* logits, std::int64_t n, float cap) { cap_all(logits, n, cap); }

void gradient_through_cap(float* gradient, const float* capped, std::int64_t n, float cap) {
    bend_all(gradient, capped, n, cap);
}
void gradient_through_cap(c10::BFloat16* gradient, const float* capped, std::int64_t n, float cap) {
    bend_all(gradient, capped, n, cap);
}

}  // namespace nepenthe::kernels
