#include "model/attention.h"

#include "base/error.h"
#include "model/attention_kernel.h"
#include "model/kernel_support.h"

#include <torch/csrc/autograd/custom_function.h>
#include <torch/types.h>

namespace nepenthe::model {

namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

AttentionOptions options_from(const AutogradContext* ctx, const at::Tensor& key_mask, const at::Tensor& key_bias) {
    const auto& data = ctx->saved_data;
    AttentionOptions options;
    options.scale = data.at("scale").toDouble();
    options.soft_cap = data.at("soft_cap").toDouble();
    options.window = data.at("window").toInt();
    options.past = data.at("past").toInt();
    options.key_mask = key_mask;
    options.key_bias = key_bias;
    return options;
}

struct TiledAttention : torch::autograd::Function<TiledAttention> {
    static at::Tensor forward(AutogradContext* ctx, const at::Tensor& query, const at::Tensor& key,
                              const at::Tensor& value, const AttentionOptions& options) {
        AttentionResult result = attention_forward(query, key, value, options);
        ctx->save_for_backward({query, key, value, result.log_sums, options.key_mask, options.key_bias});
        ctx->saved_data["scale"] = options.scale;
        ctx->saved_data["soft_cap"] = options.soft_cap;
        ctx->saved_data["window"] = options.window;
        ctx->saved_data["past"] = options.past;
        return result.output;
    }

    static variable_list backward(AutogradContext* ctx, variable_list gradients) {
        const variable_list saved = ctx->get_saved_variables();
        const AttentionGradients result = attention_backward(gradients[0].contiguous(), saved[0], saved[1], saved[2],
                                                             saved[3], options_from(ctx, saved[4], saved[5]));
        return {result.query, result.key, result.value, at::Tensor()};
    }
};

// Which keys each query sees: [batch|1, 1, position, key] bool.
at::Tensor visible_keys(const at::Tensor& query, const at::Tensor& key, const AttentionOptions& options) {
    const auto indices = at::TensorOptions(query.device()).dtype(at::kLong);
    const at::Tensor queries = at::arange(options.past, options.past + query.size(2), indices).unsqueeze(1);
    const at::Tensor keys = at::arange(key.size(2), indices).unsqueeze(0);
    at::Tensor visible = keys <= queries;
    if (options.window > 0) {
        visible = visible.logical_and(keys > queries - options.window);
    }
    visible = visible.unsqueeze(0).unsqueeze(0);
    if (options.key_mask.defined()) {
        const at::Tensor real = options.key_mask.unsqueeze(1).unsqueeze(1);
        visible = visible.logical_and(real).logical_or((keys == queries).unsqueeze(0).unsqueeze(0));
    }
    return visible;
}

at::Tensor composed_attention(const at::Tensor& query, const at::Tensor& key, const at::Tensor& value,
                              const AttentionOptions& options) {
    const bool plain =
        !options.key_mask.defined() && options.past == 0 && (options.window == 0 || options.window >= key.size(2));
    at::Tensor output;
    if (options.soft_cap == 0.0 && !options.key_bias.defined()) {
        const std::optional<at::Tensor> mask =
            plain ? std::nullopt : std::make_optional(visible_keys(query, key, options));
        output = at::scaled_dot_product_attention(query, key, value, mask, 0.0, plain, options.scale,
                                                  query.size(1) != key.size(1));
    } else {
        const std::int64_t group = query.size(1) / key.size(1);
        const at::Tensor keys = key.repeat_interleave(group, 1), values = value.repeat_interleave(group, 1);
        at::Tensor scores = at::matmul(query, keys.transpose(2, 3)).to(at::kFloat) * options.scale;
        if (options.soft_cap > 0.0) scores = at::tanh(scores / options.soft_cap) * options.soft_cap;
        if (options.key_bias.defined()) scores = scores + options.key_bias.unsqueeze(2);
        scores = scores.masked_fill(visible_keys(query, key, options).logical_not(),
                                    -std::numeric_limits<double>::infinity());
        output = at::matmul(at::softmax(scores, -1).to(value.scalar_type()), values);
    }
    return output.transpose(1, 2).flatten(2);
}

}  // namespace

at::Tensor attention(const at::Tensor& query, const at::Tensor& key, const at::Tensor& value,
                     const AttentionOptions& options) {
    NEPENTHE_CHECK(options.soft_cap == 0.0 || !options.key_bias.defined());
    return has_fused_kernel(query) ? TiledAttention::apply(query, key, value, options)
                                   : composed_attention(query, key, value, options);
}

}  // namespace nepenthe::model
