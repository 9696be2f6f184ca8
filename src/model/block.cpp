#include "model/block.h"

#include "base/error.h"
#include "model/attention.h"
#include "model/families.h"
#include "model/gated_activation.h"
#include "model/linear.h"
#include "model/rms_norm.h"
#include "model/rotary.h"
#include "model/side_memory.h"

#include <torch/types.h>

#include <array>

namespace nepenthe::model {

namespace {

at::Tensor project(const at::Tensor& input, const Projection& projection) {
    return linear(input, projection.weight, projection.bias, projection.transposed);
}

// Query, key and value as [batch, position, head, head_dim].
struct Heads {
    at::Tensor query, key, value;
};

Heads split_fused(const DecoderConfig& config, const at::Tensor& fused) {
    const QkvLayout layout = find_family(config.family)->qkv;
    if (layout == QkvLayout::kInterleaved) {
        const at::Tensor per_head = fused.unflatten(2, {config.heads, 3 * config.head_dim});
        const auto slice = [&](std::int64_t i) { return per_head.narrow(3, i * config.head_dim, config.head_dim); };
        return {slice(0), slice(1), slice(2)};
    }
    NEPENTHE_CHECK(layout == QkvLayout::kConcatenated);
    const std::int64_t queries = config.heads * config.head_dim, keys = config.kv_heads * config.head_dim;
    const auto slice = [&](std::int64_t first, std::int64_t heads) {
        return fused.narrow(2, first, heads * config.head_dim).unflatten(2, {heads, config.head_dim});
    };
    return {slice(0, config.heads), slice(queries, config.kv_heads), slice(queries + keys, config.kv_heads)};
}

Heads project_heads(const DecoderConfig& config, const LayerWeights& weights, const at::Tensor& normed) {
    if (weights.qkv.defined()) {
        return split_fused(config, project(normed, weights.qkv));
    }
    at::Tensor query = project(normed, weights.query), key = project(normed, weights.key);
    if (config.qk_norm == PerHeadNorm::kAllHeads) {
        query = rms_norm(query, weights.query_norm, config.norm_epsilon, false);
        key = rms_norm(key, weights.key_norm, config.norm_epsilon, false);
    }
    return {query.unflatten(2, {config.heads, config.head_dim}), key.unflatten(2, {config.kv_heads, config.head_dim}),
            project(normed, weights.value).unflatten(2, {config.kv_heads, config.head_dim})};
}

void rotate_heads(const DecoderConfig& config, const LayerWeights& weights, std::int64_t layer, const Context& context,
                  Heads& heads) {
    const auto index = static_cast<std::size_t>(config.rotary_of[static_cast<std::size_t>(layer)]);
    const RotaryTable table{context.cosines[index], context.sines[index]};
    const Rotary::Pairing pairing = config.rotaries[index].pairing;
    const bool one_plus = config.norm == NormKind::kRmsOnePlus;
    const bool per_head = config.qk_norm == PerHeadNorm::kHead;
    const auto norm = [&](const at::Tensor& weight) {
        return HeadNorm{per_head ? weight : at::Tensor(), config.norm_epsilon, one_plus};
    };
    heads.query = norm_and_rotate(heads.query, norm(weights.query_norm), table, pairing);
    heads.key = norm_and_rotate(heads.key, norm(weights.key_norm), table, pairing);
}

at::Tensor attend(const DecoderConfig& config, const LayerWeights& weights, std::int64_t layer,
                  const at::Tensor& normed, const Context& context) {
    Heads heads = project_heads(config, weights, normed);
    if (config.positions == Positions::kRotary) {
        rotate_heads(config, weights, layer, context, heads);
    }
    at::Tensor key = heads.key.transpose(1, 2), value = heads.value.transpose(1, 2);
    if (context.cache != nullptr) {
        std::tie(key, value) = context.cache->append(layer, key, value);
    }
    AttentionOptions options;
    options.scale = config.attention_scale;
    options.soft_cap = config.attention_soft_cap;
    options.window = config.window_of[static_cast<std::size_t>(layer)];
    options.past = context.past;
    options.key_mask = context.key_mask;
    return project(attention(heads.query.transpose(1, 2), key, value, options), weights.attention_output);
}

// Input of the second MLP matrix.
at::Tensor expand(const DecoderConfig& config, const LayerWeights& weights, const at::Tensor& normed) {
    const at::Tensor up = project(normed, weights.up);
    return config.mlp == MlpKind::kGated ? gated_activation(project(normed, weights.gate), up, config.activation)
                                         : activate(up, config.activation);
}

}  // namespace

at::Tensor apply_norm(const DecoderConfig& config, const at::Tensor& input, const Norm& norm,
                      const at::Tensor& residual) {
    if (config.norm != NormKind::kLayerNorm) {
        return rms_norm(input, norm.weight, config.norm_epsilon, config.norm == NormKind::kRmsOnePlus, residual);
    }
    const std::array<std::int64_t, 1> shape{input.size(-1)};
    const at::Tensor normed = at::layer_norm(input, shape, norm.weight, norm.bias, config.norm_epsilon);
    return residual.defined() ? residual + normed : normed;
}

at::Tensor block_attention_output(const DecoderConfig& config, const LayerWeights& weights, std::int64_t layer,
                                  const at::Tensor& hidden, const Context& context) {
    const bool pre = config.norm_place != NormPlace::kPost;
    const at::Tensor input = pre ? apply_norm(config, hidden, weights.attention_norm) : hidden;
    const at::Tensor output = attend(config, weights, layer, input, context);
    return config.norm_place == NormPlace::kPre ? output : apply_norm(config, output, weights.attention_post_norm);
}

at::Tensor block_after_attention(const DecoderConfig& config, const LayerWeights& weights, std::int64_t layer,
                                 const at::Tensor& hidden, const Context& context) {
    if (config.norm_place == NormPlace::kPre) {
        return hidden + block_attention_output(config, weights, layer, hidden, context);
    }
    // Norm and residual in one pass.
    const bool pre = config.norm_place == NormPlace::kPrePost;
    const at::Tensor input = pre ? apply_norm(config, hidden, weights.attention_norm) : hidden;
    return apply_norm(config, attend(config, weights, layer, input, context), weights.attention_post_norm, hidden);
}

at::Tensor block_mlp_key(const DecoderConfig& config, const LayerWeights& weights, const at::Tensor& hidden,
                         const at::Tensor& after_attention) {
    switch (config.residual) {
        case Residual::kParallelOneNorm:
            return expand(config, weights, apply_norm(config, hidden, weights.attention_norm));
        case Residual::kParallelTwoNorms: return expand(config, weights, apply_norm(config, hidden, weights.mlp_norm));
        case Residual::kSequential: break;
    }
    return expand(config, weights,
                  config.norm_place == NormPlace::kPost ? after_attention
                                                        : apply_norm(config, after_attention, weights.mlp_norm));
}

at::Tensor block_mlp_output(const LayerWeights& weights, const at::Tensor& key) { return project(key, weights.down); }

at::Tensor block_after_mlp(const DecoderConfig& config, const LayerWeights& weights, const at::Tensor& after_attention,
                           const at::Tensor& output) {
    return config.norm_place == NormPlace::kPre ? after_attention + output
                                                : apply_norm(config, output, weights.mlp_post_norm, after_attention);
}

at::Tensor block_forward(const DecoderConfig& config, const LayerWeights& weights, std::int64_t layer,
                         const at::Tensor& hidden, const Context& context) {
    const at::Tensor stream = block_after_attention(config, weights, layer, hidden, context);
    const at::Tensor key = block_mlp_key(config, weights, hidden, stream);
    const at::Tensor output = weights.side_memory == nullptr
                                  ? block_mlp_output(weights, key)
                                  : routed_output(config, *weights.side_memory, weights.down, key, context);
    return block_after_mlp(config, weights, stream, output);
}

}  // namespace nepenthe::model
