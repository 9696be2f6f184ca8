#pragma once
// Between tensors of a file (bytes) and tensors of ATen.

#include "io/safetensors.h"

#include <ATen/core/Tensor.h>

#include <optional>

namespace nepenthe::model {

// Floating dtypes of weights; nullopt for integers and booleans.
std::optional<at::ScalarType> floating_type(io::DType dtype);

// The view's values as a new, owned tensor of `dtype` on the CPU. The bytes need not be aligned.
at::Tensor tensor_from_bytes(const io::TensorView& view, at::ScalarType dtype);

// Index of the first NaN or infinity, or nullopt.
std::optional<std::int64_t> first_non_finite(const io::TensorView& view);

// The bytes of a contiguous CPU tensor.
Bytes bytes_of(const at::Tensor& tensor);

}  // namespace nepenthe::model
