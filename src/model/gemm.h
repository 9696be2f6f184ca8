#pragma once
// Matrix products on the fastest kernel that the machine has. ATen sends fp32 products on CPUs to MKL, which runs AMD
// processors with half-width vectors; oneDNN, which the same library carries, does not (2.2 times as fast on Zen 5).
// Everything that multiplies large matrices goes through here. Results depend on shapes and thread count only.

#include <ATen/core/Tensor.h>

namespace nepenthe::model {

// a·b for [m, k] and [k, n] of any strides, same floating dtype → [m, n]. Not recorded by autograd.
at::Tensor matrix_product(const at::Tensor& a, const at::Tensor& b);

// a·b + c with c [m, n] in the same pass.
at::Tensor matrix_product_plus(const at::Tensor& a, const at::Tensor& b, const at::Tensor& c);

}  // namespace nepenthe::model
