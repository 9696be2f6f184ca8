#pragma once
// Logits through a soft cap: cap · tanh(logit / cap).

#include <c10/util/BFloat16.h>

#include <cstdint>

namespace nepenthe::kernels {

// In place; the library's tanh on every path.
void soft_cap(float* logits, std::int64_t n, float cap);
void soft_cap(c10::BFloat16* logits, std::int64_t n, float cap);

// gradient · (1 − (capped / cap)²), in place: from the capped logits to those before the cap.
void gradient_through_cap(float* gradient, const float* capped, std::int64_t n, float cap);
void gradient_through_cap(c10::BFloat16* gradient, const float* capped, std::int64_t n, float cap);

}  // namespace nepenthe::kernels
