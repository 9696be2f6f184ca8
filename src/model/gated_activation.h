#pragma once
// act(gate) · up in one pass forward and one backward.

#include "model/config.h"

#include <ATen/core/Tensor.h>

namespace nepenthe::model {

// The activation alone; [..., n] → the same.
at::Tensor activate(const at::Tensor& input, Activation activation);

// act(gate) · up for [..., n]; saves the two inputs and nothing else.
at::Tensor gated_activation(const at::Tensor& gate, const at::Tensor& up, Activation activation);

}  // namespace nepenthe::model
