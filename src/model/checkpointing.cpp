// Activation checkpointing of one block: the weights are inputs of an autograd function that saves only the block's
// input; its backward pass runs the block again with gradients on and differentiates that. Parameters' own hooks and
// accumulation then run as in the plain graph.
#include "model/block.h"

#include "base/error.h"

#include <torch/csrc/autograd/autograd.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/custom_class.h>
#include <torch/types.h>

namespace nepenthe::model {

namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

// What the second run needs. The weights are the decoder's, which must outlive the graph anyway: its parameters do.
struct Replay : torch::CustomClassHolder {
    const DecoderConfig* config = nullptr;
    const LayerWeights* weights = nullptr;
    std::int64_t layer = 0;
    Context context;

    at::Tensor run(const at::Tensor& hidden) const { return block_forward(*config, *weights, layer, hidden, context); }
};

struct CheckpointedBlock : torch::autograd::Function<CheckpointedBlock> {
    static at::Tensor forward(AutogradContext* ctx, const at::Tensor& hidden, at::TensorList parameters,
                              const c10::intrusive_ptr<Replay>& replay) {
        NEPENTHE_CHECK(!parameters.empty());
        ctx->save_for_backward({hidden});
        ctx->saved_data["replay"] = c10::IValue::make_capsule(replay);
        return replay->run(hidden);
    }

    static variable_list backward(AutogradContext* ctx, variable_list gradients) {
        const auto capsule = ctx->saved_data["replay"].toCapsule();
        const auto* replay = static_cast<const Replay*>(capsule.get());
        const at::Tensor hidden = ctx->get_saved_variables()[0].detach().requires_grad_(ctx->needs_input_grad(0));
        const std::vector<at::Tensor> parameters = replay->weights->all();
        variable_list inputs;
        if (hidden.requires_grad()) {
            inputs.push_back(hidden);
        }
        for (const at::Tensor& parameter : parameters) {
            if (parameter.requires_grad()) {
                inputs.push_back(parameter);
            }
        }
        const at::AutoGradMode with_gradients(true);
        const variable_list found =
            torch::autograd::grad({replay->run(hidden)}, inputs, {gradients[0]}, std::nullopt, false, true);
        variable_list result(parameters.size() + 2);  // hidden, parameters, replay
        std::size_t next = 0;
        if (hidden.requires_grad()) {
            result[0] = found[next++];
        }
        for (std::size_t i = 0; i < parameters.size(); ++i) {
            if (parameters[i].requires_grad()) {
                result[i + 1] = found[next++];
            }
        }
        return result;
    }
};

}  // namespace

at::Tensor block_checkpointed(const DecoderConfig& config, const LayerWeights& weights, std::int64_t layer,
                              const at::Tensor& hidden, const Context& context) {
    NEPENTHE_CHECK(context.cache == nullptr);  // a second run would append a second time
    const auto replay = c10::make_intrusive<Replay>();
    replay->config = &config;
    replay->weights = &weights;
    replay->layer = layer;
    replay->context = context;
    const std::vector<at::Tensor> parameters = weights.all();
    return CheckpointedBlock::apply(hidden, at::TensorList(parameters), replay);
}

}  // namespace nepenthe::model
