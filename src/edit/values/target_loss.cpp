#include "edit/values/target_loss.h"

#include "base/error.h"
#include "edit/values/vocabulary_pass.h"

#include <torch/types.h>

namespace nepenthe::edit {

namespace {

at::Tensor capped_logits(const model::Decoder& decoder, const at::Tensor& normed, at::Tensor& slope) {
    at::Tensor logits = at::mm(normed, decoder.unembedding().t()).to(at::kFloat);
    if (decoder.unembedding_bias().defined()) logits.add_(decoder.unembedding_bias());
    const double cap = decoder.config().logit_soft_cap;
    if (cap > 0) {
        const at::Tensor share = at::tanh(logits / cap);
        slope = 1.0 - share.square();
        logits = share * cap;
    }
    return logits;
}

// The same as tensor operations, for devices.
TargetLoss device_pass(const model::Decoder& decoder, const at::Tensor& normed, const at::Tensor& targets,
                       ReferenceLogits& reference) {
    const std::int64_t likelihood_rows = targets.numel(), held = normed.size(0) - likelihood_rows;
    at::Tensor slope;
    const at::Tensor logits = capped_logits(decoder, normed, slope);
    const at::Tensor log_sums = logits.logsumexp({1}, true), p = (logits - log_sums).exp();
    at::Tensor losses = at::empty({normed.size(0)}, logits.options()), of_logits = p.clone();
    if (likelihood_rows > 0) {
        const at::Tensor index = targets.to(logits.device()).unsqueeze(1);
        losses.narrow(0, 0, likelihood_rows)
            .copy_((log_sums.narrow(0, 0, likelihood_rows) - logits.narrow(0, 0, likelihood_rows).gather(1, index))
                       .squeeze(1));
        of_logits.narrow(0, 0, likelihood_rows).scatter_add_(1, index, at::full_like(index, -1.0, logits.options()));
    }
    if (held > 0) {
        const at::Tensor mine = logits.narrow(0, likelihood_rows, held),
                         sums = log_sums.narrow(0, likelihood_rows, held);
        if (!reference.logits.defined()) {
            reference.logits = mine.clone();
            const at::Tensor exact = sums.to(at::kCPU, at::kDouble).contiguous();
            reference.log_sums.assign(exact.const_data_ptr<double>(), exact.const_data_ptr<double>() + held);
        }
        const at::Tensor ratio = mine - sums - reference.logits.log_softmax(1),
                         weight = p.narrow(0, likelihood_rows, held);
        const at::Tensor divergence = (weight * ratio).sum(1, true);
        losses.narrow(0, likelihood_rows, held).copy_(divergence.squeeze(1));
        of_logits.narrow(0, likelihood_rows, held).copy_(weight * (ratio - divergence));
    }
    if (slope.defined()) of_logits.mul_(slope);
    TargetLoss loss;
    const at::Tensor values = losses.to(at::kCPU, at::kDouble).contiguous();
    loss.losses.assign(values.const_data_ptr<double>(), values.const_data_ptr<double>() + normed.size(0));
    loss.gradient = at::mm(of_logits.to(normed.scalar_type()), decoder.unembedding()).to(at::kFloat);
    return loss;
}

}  // namespace

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
                           : device_pass(decoder, normed, targets, reference);
}

}  // namespace nepenthe::edit
