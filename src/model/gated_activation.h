#pragma once
// act(gate) · up in one pass forward and one backward.

#include "model/family/config.h"

#include <ATen/core/Tensor.h>

namespace nepenthe::model {

// The activation alone, of those without weights; [..., n] → the same.
at::Tensor activate(const at::Tensor& input, Activation activation);
// xIELU (Huang and Schlag, 2024) with its two weights [1]: a⁺x² + x/2 for x > 0, a⁻(eˣ − 1 − x) + x/2 elsewhere, with
// a⁺ = softplus(positive), a⁻ = 1/2 + softplus(negative).
at::Tensor xielu(const at::Tensor& input, const at::Tensor& positive, const at::Tensor& negative);

// act(gate) · up for [..., n]; saves the two inputs and nothing else.
at::Tensor gated_activation(const at::Tensor& gate, const at::Tensor& up, Activation activation);

}  // namespace nepenthe::model
