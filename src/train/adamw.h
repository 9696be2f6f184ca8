#pragma once
// One AdamW step over a flat run of weights (Loshchilov and Hutter, "Decoupled weight decay regularization", 2019), in
// the order of operations of torch.optim.AdamW.

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace nepenthe::train {

struct AdamWStep {
    std::int64_t step = 1;  // counts from 1, for the bias corrections
    double lr = 1e-5, beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8, weight_decay = 0;
    double gradient_scale = 1;  // gradients are multiplied with this first (clipping)
};

// All tensors contiguous, of equal length, on one device. `master`, `first_moment`, `second_moment` and `gradient` are
// fp32; `weight` is what the forward pass reads: `master` itself, or bf16 of its own, then rounded to nearest even.
// Returns how many elements of `weight` changed their bits, [] int64 on their device: who reads it waits for that.
at::Tensor adamw_update(const AdamWStep& step, const at::Tensor& master, const at::Tensor& first_moment,
                        const at::Tensor& second_moment, const at::Tensor& gradient, const at::Tensor& weight);
// The same, composed of ATen's operations: how it runs on devices. Runs on hosts too.
at::Tensor composed_adamw_update(const AdamWStep& step, const at::Tensor& master, const at::Tensor& first_moment,
                                 const at::Tensor& second_moment, const at::Tensor& gradient, const at::Tensor& weight);

}  // namespace nepenthe::train
