#include "edit/values/target_loss.h"

#include "base/error.h"
#include "edit/values/vocabulary_pass.h"
#include "kernels/composed_softmax.h"

#include <torch/types.h>

namespace nepenthe::edit {

TargetLoss composed_target_loss(const model::Decoder& decoder, const at::Tensor& normed, const at::Tensor& targets,
                                ReferenceLogits& reference) {
    const at::NoGradGuard no_grad;
    const std::int64_t likely = targets.numel(), held = normed.size(0) - likely;
    const double cap = decoder.config().logit_soft_cap;
    at::Tensor logits = at::mm(normed, decoder.unembedding().t()).to(at::kFloat);
    if (decoder.unembedding_bias().defined()) logits.add_(decoder.unembedding_bias());
    logits = kernels::composed_soft_cap(logits, cap);
    const at::Tensor log_sums = kernels::composed_log_sum_exp(logits);
    at::Tensor losses = at::empty({normed.size(0)}, logits.options()), of_logits = at::empty_like(logits);
    if (likely > 0) {
        const at::Tensor mine = logits.narrow(0, 0, likely), sums = log_sums.narrow(0, 0, likely),
                         ids = targets.to(logits.device());
        losses.narrow(0, 0, likely).copy_(kernels::composed_likelihood_loss(mine, sums, ids));
        of_logits.narrow(0, 0, likely).copy_(kernels::composed_likelihood_gradient(mine, sums, ids));
    }
    if (held > 0) {
        const at::Tensor mine = logits.narrow(0, likely, held), sums = log_sums.narrow(0, likely, held);
        if (!reference.logits.defined()) {
            reference.logits = mine.clone();
            const at::Tensor exact = sums.to(at::kCPU, at::kDouble).contiguous();
            reference.log_sums.assign(exact.const_data_ptr<double>(), exact.const_data_ptr<double>() + held);
        }
        at::Tensor gradient;
        losses.narrow(0, likely, held).copy_(kernels::composed_divergence(mine, sums, reference.logits, gradient));
        of_logits.narrow(0, likely, held).copy_(gradient);
    }
    kernels::composed_gradient_through_cap(of_logits, logits, cap);
    TargetLoss loss;
    const at::Tensor values = losses.to(at::kCPU, at::kDouble).contiguous();
    loss.losses.assign(values.const_data_ptr<double>(), values.const_data_ptr<double>() + normed.size(0));
    loss.gradient = at::mm(of_logits.to(normed.scalar_type()), decoder.unembedding()).to(at::kFloat);
    return loss;
}

ReferenceLogits ReferenceLogits::select(const std::vector<std::int64_t>& rows) const {
    if (!logits.defined()) return {};
    ReferenceLogits chosen{logits.index_select(0, at::tensor(rows, at::kLong).to(logits.device())), {}};
    for (const std::int64_t row : rows) chosen.log_sums.push_back(log_sums[static_cast<std::size_t>(row)]);
    return chosen;
}

TargetLoss target_loss(const model::Decoder& decoder, const at::Tensor& normed, const at::Tensor& targets,
                       ReferenceLogits& reference) {
    NEPENTHE_CHECK(normed.dim() == 2 && normed.size(0) > 0 && targets.numel() <= normed.size(0));
    const at::NoGradGuard no_grad;
    return normed.is_cpu() ? vocabulary_pass(decoder, normed, targets, reference)
                           : composed_target_loss(decoder, normed, targets, reference);
}

}  // namespace nepenthe::edit
