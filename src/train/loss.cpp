#include "train/loss.h"

#include "train/head_loss.h"

#include <torch/csrc/autograd/custom_function.h>
#include <torch/types.h>

namespace nepenthe::train {

namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

// Gradients are computed in forward() and handed out, times the incoming gradient, in backward().
struct ChunkedLoss : torch::autograd::Function<ChunkedLoss> {
    // `result` receives what autograd does not carry.
    static at::Tensor forward(AutogradContext* ctx, const at::Tensor& normed, const at::Tensor& unembedding,
                              const at::Tensor& bias, HeadLossInput input, HeadLoss* result) {
        input.normed = normed;
        input.unembedding = unembedding;
        if (bias.numel() > 0) {
            input.bias = bias;
        }
        const bool sunk = input.unembedding_gradient.defined();
        if (!sunk && input.gradients && unembedding.requires_grad()) {
            input.unembedding_gradient = at::empty(unembedding.sizes(), unembedding.options().dtype(at::kFloat));
        }
        *result = head_loss(input);
        ctx->saved_data["dtype"] = static_cast<std::int64_t>(normed.scalar_type());
        ctx->save_for_backward(
            {result->normed_gradient, sunk ? at::Tensor() : input.unembedding_gradient, result->bias_gradient});
        return at::scalar_tensor(result->sum * input.scale, normed.options().dtype(at::kFloat));
    }

    static variable_list backward(AutogradContext* ctx, variable_list incoming) {
        const variable_list saved = ctx->get_saved_variables();
        const auto dtype = static_cast<at::ScalarType>(ctx->saved_data["dtype"].toInt());
        variable_list gradients(5);
        for (std::size_t i = 0; i < saved.size(); ++i) {
            if (saved[i].defined()) {
                gradients[i] = (saved[i] * incoming[0]).to(dtype);
            }
        }
        return gradients;
    }
};

at::Tensor apply(const model::Decoder& decoder, const at::Tensor& hidden, const at::Tensor& unembedding,
                 HeadLossInput input, HeadLoss& result) {
    const at::Tensor normed = decoder.final_norm(hidden);
    const at::Tensor bias = decoder.unembedding_bias();
    input.soft_cap = decoder.config().logit_soft_cap;
    input.gradients = at::GradMode::is_enabled() &&
                      (normed.requires_grad() || unembedding.requires_grad() ||
                       (bias.defined() && bias.requires_grad()) || input.unembedding_gradient.defined());
    // Autograd's functions take no undefined tensors.
    const at::Tensor some_bias = bias.defined() ? bias : at::empty({0}, normed.options());
    return ChunkedLoss::apply(normed, unembedding, some_bias, input, &result);
}

}  // namespace

at::Tensor cross_entropy_sum(const model::Decoder& decoder, const at::Tensor& hidden, const Targets& targets,
                             std::int64_t chunk) {
    HeadLossInput input;
    input.targets = targets;
    input.chunk = chunk;
    HeadLoss result;
    return apply(decoder, hidden, decoder.unembedding(), input, result);
}

SunkLoss cross_entropy_into(const model::Decoder& decoder, const at::Tensor& hidden, const Targets& targets,
                            double scale, const UnembeddingSink& sink, const Weighing* weighing) {
    HeadLossInput input;
    input.targets = targets;
    input.scale = scale;
    input.weighing = weighing;
    input.unembedding_gradient = sink.gradient;
    input.overwrite = sink.first;
    HeadLoss result;
    SunkLoss loss;
    loss.scaled = apply(decoder, hidden, decoder.unembedding().detach(), input, result);
    loss.sum = result.sum;
    loss.finite_gradient = result.finite_gradient;
    return loss;
}

}  // namespace nepenthe::train
