#include "kernels/softmax_gradient.h"

#include "kernels/vector_math.h"

#include <cmath>

namespace nepenthe::kernels {

namespace {

template <typename Value>
void by_reference(Value* logits, std::int64_t n, float log_sum_exp, float scale) {
    for (std::int64_t i = 0; i < n; ++i) {
        const double p = std::exp(static_cast<double>(load(logits + i)) - static_cast<double>(log_sum_exp));
        logits[i] = static_cast<Value>(static_cast<float>(static_cast<double>(scale) * p));
    }
}

template <typename Value>
void gradient(Value* logits, std::int64_t n, float log_sum_exp, float scale, Path path) {
    if (path == Path::kReference) return by_reference(logits, n, log_sum_exp, scale);
    with_instruction_set(path, [=]() NEPENTHE_INLINED {
        for (std::int64_t i = 0; i < n; ++i) store(logits + i, scale * fast_exp(load(logits + i) - log_sum_exp));
    });
}

}  // namespace

void softmax_gradient(float* logits, std::int64_t n, float log_sum_exp, float scale, Path path) {
    gradient(logits, n, log_sum_exp, scale, path);
}
void softmax_gradient(c10::BFloat16* logits, std::int64_t n, float log_sum_exp, float scale, Path path) {
    gradient(logits, n, log_sum_exp, scale, path);
}

}  // namespace nepenthe::kernels
