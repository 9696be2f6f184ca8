#pragma once
// Adds a gradient of any dtype to an fp32 buffer and looks for numbers that are not finite on the way: both are bound
// by memory, so the check is free.

#include <ATen/core/Tensor.h>

namespace nepenthe::train {

// into (+)= gradient, where `into` is fp32 and contiguous and `gradient` has as many elements, fp32 or bf16, on the
// same device. With `first` the old content is overwritten instead. Returns whether all of `gradient` is finite (on a
// device always true: a check would stall the stream, the step's norm finds it later).
bool fold_gradient(const at::Tensor& into, const at::Tensor& gradient, bool first);

// Sum of squares of an fp32 tensor: fp64 sums of blocks, combined in a fixed tree, so that the value depends on neither
// thread count nor instruction set.
double sum_of_squares(const at::Tensor& values);

// The same, composed of ATen's operations: how they run on devices. Run on hosts too.
bool composed_fold_gradient(const at::Tensor& into, const at::Tensor& gradient, bool first);
double composed_sum_of_squares(const at::Tensor& values);

}  // namespace nepenthe::train
