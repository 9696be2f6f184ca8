#pragma once
// The softmax of whole rows of logits as ATen's operations, for devices whose memory and bandwidth take whole rows;
// runs on hosts too. What is composed here is span by span in span_softmax.h, softmax_gradient.h and lane_softmax.h.
// logits: [row, vocabulary] fp32; targets: [row] int64, on the same device. No gradient is recorded.

#include <ATen/core/Tensor.h>

namespace nepenthe::kernels {

// log Σ exp of each row [row, 1].
at::Tensor composed_log_sum_exp(const at::Tensor& logits);

// −log softmax(logits)[target] [row].
at::Tensor composed_likelihood_loss(const at::Tensor& logits, const at::Tensor& log_sum_exp, const at::Tensor& targets);
// Its gradient by the logits: softmax − 1 at the target.
at::Tensor composed_likelihood_gradient(const at::Tensor& logits, const at::Tensor& log_sum_exp,
                                        const at::Tensor& targets);

// KL(softmax(logits) ‖ softmax(reference)) [row]; `gradient` receives its gradient by the logits.
at::Tensor composed_divergence(const at::Tensor& logits, const at::Tensor& log_sum_exp, const at::Tensor& reference,
                               at::Tensor& gradient);

// Mean and variance of log p under p = softmax of each row, each [row] fp64.
struct LogProbabilityMoments {
    at::Tensor mean, variance;
};
LogProbabilityMoments composed_log_probability_moments(const at::Tensor& logits, const at::Tensor& log_sum_exp);

// Where the largest logit of each row is [row] int64, ties going to the lowest id.
at::Tensor composed_first_maximum(const at::Tensor& logits);

// cap · tanh(logits / cap), or the logits as they are if cap is 0.
at::Tensor composed_soft_cap(const at::Tensor& logits, double cap);
// gradient · (1 − (capped / cap)²), in place: from the capped logits to those before the cap.
void composed_gradient_through_cap(at::Tensor& gradient, const at::Tensor& capped, double cap);

}  // namespace nepenthe::kernels
