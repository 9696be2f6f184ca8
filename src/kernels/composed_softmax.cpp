#include "kernels/composed_softmax.h"

#include <torch/types.h>

namespace nepenthe::kernels {

at::Tensor composed_log_sum_exp(const at::Tensor& logits) { return logits.logsumexp({1}, true); }

at::Tensor composed_likelihood_loss(const at::Tensor& logits, const at::Tensor& log_sum_exp,
                                    const at::Tensor& targets) {
    return (log_sum_exp - logits.gather(1, targets.unsqueeze(1))).squeeze(1);
}

at::Tensor composed_likelihood_gradient(const at::Tensor& logits, const at::Tensor& log_sum_exp,
                                        const at::Tensor& targets) {
    at::Tensor gradient = (logits - log_sum_exp).exp_();
    const at::Tensor index = targets.unsqueeze(1);
    gradient.scatter_add_(1, index, at::full_like(index, -1.0, gradient.options()));
    return gradient;
}

at::Tensor composed_divergence(const at::Tensor& logits, const at::Tensor& log_sum_exp, const at::Tensor& reference,
                               at::Tensor& gradient) {
    const at::Tensor log_p = logits - log_sum_exp, p = log_p.exp(), ratio = log_p - reference.log_softmax(1);
    const at::Tensor divergence = (p * ratio).sum(1, true);
    gradient = p * (ratio - divergence);
    return divergence.squeeze(1);
}

LogProbabilityMoments composed_log_probability_moments(const at::Tensor& logits, const at::Tensor& log_sum_exp) {
    const at::Tensor log_p = logits - log_sum_exp, p = log_p.exp();
    // −inf has no probability, and its logarithm none to add.
    const at::Tensor finite = log_p.masked_fill(p == 0, 0);
    const at::Tensor mean = (p * finite).sum({1}, true, at::kDouble);
    const at::Tensor apart = finite - mean.to(at::kFloat);
    return {mean.squeeze(1), (p * apart.square()).sum({1}, false, at::kDouble)};
}

at::Tensor composed_first_maximum(const at::Tensor& logits) {
    // argmax does not promise which of equal entries it returns.
    return (logits == logits.amax(1, true)).to(at::kByte).argmax(1);
}

at::Tensor composed_soft_cap(const at::Tensor& logits, double cap) {
    return cap > 0 ? (logits / cap).tanh_().mul_(cap) : logits;
}

void composed_gradient_through_cap(at::Tensor& gradient, const at::Tensor& capped, double cap) {
    if (cap > 0) gradient.mul_(1.0 - (capped / cap).square_());
}

}  // namespace nepenthe::kernels
