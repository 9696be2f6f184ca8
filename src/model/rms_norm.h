#pragma once
// Root-mean-square norm (Zhang and Sennrich, 2019) in one pass forward and one backward, computed in fp32.

#include <ATen/core/Tensor.h>

namespace nepenthe::model {

// [..., n] → x / rms(x) · w (+ residual), with w = weight, or 1 + weight where `one_plus`. `residual` may be undefined.
at::Tensor rms_norm(const at::Tensor& input, const at::Tensor& weight, double epsilon, bool one_plus,
                    const at::Tensor& residual = {});

}  // namespace nepenthe::model
