#pragma once
// Whether second moments have enough tokens: edits use C⁻¹k alone, up to its length, so it is watched whether these
// directions still turn when the number of tokens doubles.

#include <ATen/core/Tensor.h>

namespace nepenthe::edit {

// C⁻¹k scaled to unit length, for keys [key, intermediate] fp64 and C [intermediate, intermediate] fp64 → [key,
// intermediate].
at::Tensor edit_directions(const at::Tensor& moment, const at::Tensor& keys);

// 1 - cos of the angle between a key's direction before and after, mean over keys. About half the squared relative
// error of the direction before: 1e-3 stands for 4.5 %.
double direction_change(const at::Tensor& before, const at::Tensor& after);

}  // namespace nepenthe::edit
