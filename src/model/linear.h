#pragma once
// x·Wᵀ + b with gradients, on gemm.h's products.

#include <ATen/core/Tensor.h>

namespace nepenthe::model {

// [..., in] → [..., out]. `weight` is [out, in], or [in, out] with `transposed`; `bias` [out] may be undefined.
at::Tensor linear(const at::Tensor& input, const at::Tensor& weight, const at::Tensor& bias, bool transposed = false);

}  // namespace nepenthe::model
