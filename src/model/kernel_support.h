#pragma once
// What the CPU kernels need from tensors.

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace nepenthe::model {

// Whether the fused CPU kernels take this tensor: on the CPU, fp32 or bf16.
bool has_fused_kernel(const at::Tensor& tensor);

// The weight of a norm as fp32, one added where it is stored minus one.
at::Tensor norm_weight(const at::Tensor& weight, bool one_plus);

// Rows are summed in blocks of this many, whatever the thread count, so that weight gradients do not depend on it.
std::int64_t rows_per_block(std::int64_t rows);

// Sums [block, n] over the blocks in order and converts to the dtype of `like`.
at::Tensor sum_blocks(const at::Tensor& partial, const at::Tensor& like);

}  // namespace nepenthe::model
