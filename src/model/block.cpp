#include "model/block.h"

#include "base/error.h"
#include "model/attention.h"
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

at::Tensor clipped(const DecoderConfig& config, const at::Tensor& projected) {
    return config.qkv_clip > 0.0 ? projected.clamp(-config.qkv_clip, config.qkv_clip) : projected;
}

Heads split_fused(const DecoderConfig& config, const at::Tensor& fused) {
    if (config.qkv == QkvLayout::kInterleaved) {
        const std::int64_t group = config.heads / config.kv_heads;
        const at::Tensor per_head = fused.unflatten(2, {config.kv_heads, (group + 2) * config.head_dim});
        const auto slice = [&](std::int64_t i) { return per_head.narrow(3, i * config.head_dim, config.head_dim); };
        if (group == 1) return {slice(0), slice(1), slice(2)};
        const at::Tensor queries = per_head.narrow(3, 0, group * config.head_dim);
        return {queries.reshape({fused.size(0), fused.size(1), config.heads, config.head_dim}), slice(group),
                slice(group + 1)};
    }
    NEPENTHE_CHECK(config.qkv == QkvLayout::kConcatenated);
    const std::int64_t queries = config.heads * config.head_dim, keys = config.kv_heads * config.head_dim;
    const auto slice = [&](std::int64_t first, std::int64_t heads) {
        return fused.narrow(2, first, heads * config.head_dim).unflatten(2, {heads, config.head_dim});
    };
    return {slice(0, config.heads), slice(queries, config.kv_heads), slice(queries + keys, config.kv_heads)};
}

Heads project_heads(const DecoderConfig& config, const LayerWeights& weights, const at::Tensor& normed) {
    if (weights.qkv.defined()) {
        return split_fused(config, clipped(config, project(normed, weights.qkv)));
    }
    at::Tensor query = clipped(config, project(normed, weights.query));
    at::Tensor key = clipped(config, project(normed, weights.key));
    const at::Tensor value = clipped(config, project(normed, weights.value));
    if (config.qk_norm == PerHeadNorm::kAllHeads) {
        query = rms_norm(query, weights.query_norm.weight(), config.norm_epsilon, false);
        key = rms_norm(key, weights.key_norm.weight(), config.norm_epsilon, false);
    }
    return {query.unflatten(2, {config.heads, config.head_dim}), key.unflatten(2, {config.kv_heads, config.head_dim}),
            value.unflatten(2, {config.kv_heads, config.head_dim})};
}

// Each head by itself: [batch, position, head, head_dim] → the same.
at::Tensor norm_each_head(const DecoderConfig& config, const at::Tensor& heads, const HeadNormWeights& norm) {
    const at::Tensor weight = norm.weight();
    if (!is_layer_norm(config.qk_norm_kind)) {
        return rms_norm(heads, weight, config.norm_epsilon, is_one_plus(config.qk_norm_kind));
    }
    const std::array<std::int64_t, 1> shape{heads.size(3)};
    const at::Tensor normed = at::layer_norm(heads.to(at::kFloat), shape, {}, {}, config.norm_epsilon);
    const at::Tensor scaled = normed * weight.to(at::kFloat);
    return (norm.bias.defined() ? scaled + norm.bias.to(at::kFloat) : scaled).to(heads.scalar_type());
}

// Norm of single heads and rotation, in the family's order; in one pass where it can be.
void norm_and_rotate_heads(const DecoderConfig& config, const LayerWeights& weights, std::int64_t layer,
                           const Context& context, Heads& heads) {
    const bool normed = config.qk_norm == PerHeadNorm::kHead || config.qk_norm == PerHeadNorm::kEachHead;
    const std::int32_t table = config.rotary_of.empty() ? -1 : config.rotary_of[static_cast<std::size_t>(layer)];
    const bool together = normed && table >= 0 && !config.qk_norm_after_rotary &&
                          config.qk_norm == PerHeadNorm::kHead && !is_layer_norm(config.qk_norm_kind);
    const auto norm_alone = [&] {
        heads.query = norm_each_head(config, heads.query, weights.query_norm);
        heads.key = norm_each_head(config, heads.key, weights.key_norm);
    };
    if (normed && !together && !config.qk_norm_after_rotary) norm_alone();
    if (table >= 0) {
        const auto index = static_cast<std::size_t>(table);
        const RotaryTable angles{context.cosines[index], context.sines[index]};
        const Rotary::Pairing pairing = config.rotaries[index].pairing;
        const auto norm = [&](const HeadNormWeights& of) {
            return HeadNorm{together ? of.weight() : at::Tensor(), config.norm_epsilon,
                            is_one_plus(config.qk_norm_kind)};
        };
        heads.query = norm_and_rotate(heads.query, norm(weights.query_norm), angles, pairing);
        heads.key = norm_and_rotate(heads.key, norm(weights.key_norm), angles, pairing);
    }
    if (normed && config.qk_norm_after_rotary) norm_alone();
}

at::Tensor multiplied(const DecoderConfig& config, const at::Tensor& written) {
    return config.residual_multiplier == 1.0 ? written : written * config.residual_multiplier;
}

// `output` behind the norm that follows it, if there is one, added to the stream.
at::Tensor add_to_stream(const DecoderConfig& config, const at::Tensor& stream, const at::Tensor& output,
                         const Norm& post_norm) {
    if (!norms_output(config.norm_place)) return stream + multiplied(config, output);
    // Norm and residual in one pass.
    if (config.residual_multiplier == 1.0) return apply_norm(config, output, post_norm, stream);
    return stream + multiplied(config, apply_norm(config, output, post_norm));
}

bool norms_input(NormPlace place) { return place == NormPlace::kPre || place == NormPlace::kPrePost; }

}  // namespace

at::Tensor apply_norm(const DecoderConfig& config, const at::Tensor& input, const Norm& norm,
                      const at::Tensor& residual) {
    if (!is_layer_norm(config.norm)) {
        return rms_norm(input, norm.weight, config.norm_epsilon, is_one_plus(config.norm), residual);
    }
    const std::array<std::int64_t, 1> shape{input.size(-1)};
    const at::Tensor weight = is_one_plus(config.norm) ? norm.weight + 1.0 : norm.weight;
    const at::Tensor normed = at::layer_norm(input, shape, weight, norm.bias, config.norm_epsilon);
    return residual.defined() ? residual + normed : normed;
}

at::Tensor block_attention_input(const DecoderConfig& config, const LayerWeights& weights, const at::Tensor& hidden) {
    return norms_input(config.norm_place) ? apply_norm(config, hidden, weights.attention_norm) : hidden;
}

at::Tensor block_attention_key(const DecoderConfig& config, const LayerWeights& weights, std::int64_t layer,
                               const at::Tensor& attention_input, const Context& context) {
    Heads heads = project_heads(config, weights, attention_input);
    norm_and_rotate_heads(config, weights, layer, context, heads);
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
    options.key_bias = context.key_bias;
    return attention(heads.query.transpose(1, 2), key, value, options);
}

at::Tensor block_after_attention_key(const DecoderConfig& config, const LayerWeights& weights, const at::Tensor& hidden,
                                     const at::Tensor& attention_key) {
    const at::Tensor stream =
        add_to_stream(config, hidden, project(attention_key, weights.attention_output), weights.attention_post_norm);
    return config.norm_place == NormPlace::kAfterResidual ? apply_norm(config, stream, weights.attention_norm) : stream;
}

at::Tensor block_attention_output(const DecoderConfig& config, const LayerWeights& weights, std::int64_t layer,
                                  const at::Tensor& hidden, const Context& context) {
    const at::Tensor input = block_attention_input(config, weights, hidden);
    const at::Tensor output =
        project(block_attention_key(config, weights, layer, input, context), weights.attention_output);
    return multiplied(
        config, norms_output(config.norm_place) ? apply_norm(config, output, weights.attention_post_norm) : output);
}

at::Tensor block_with_attention(const DecoderConfig& config, const LayerWeights& weights, const at::Tensor& hidden,
                                const at::Tensor& output) {
    const at::Tensor stream = hidden + output;
    return config.norm_place == NormPlace::kAfterResidual ? apply_norm(config, stream, weights.attention_norm) : stream;
}

at::Tensor block_after_attention(const DecoderConfig& config, const LayerWeights& weights, std::int64_t layer,
                                 const at::Tensor& hidden, const Context& context) {
    const at::Tensor input = block_attention_input(config, weights, hidden);
    return block_after_attention_key(config, weights, hidden,
                                     block_attention_key(config, weights, layer, input, context));
}

at::Tensor block_mlp_input(const DecoderConfig& config, const LayerWeights& weights, const at::Tensor& hidden,
                           const at::Tensor& after_attention) {
    switch (config.residual) {
        case Residual::kParallelOneNorm: return apply_norm(config, hidden, weights.attention_norm);
        case Residual::kParallelTwoNorms: return apply_norm(config, hidden, weights.mlp_norm);
        case Residual::kSequential: break;
    }
    return norms_input(config.norm_place) ? apply_norm(config, after_attention, weights.mlp_norm) : after_attention;
}

at::Tensor block_expand(const DecoderConfig& config, const LayerWeights& weights, const at::Tensor& mlp_input) {
    if (weights.gate_up.defined()) {
        const at::Tensor both = project(mlp_input, weights.gate_up);
        const std::int64_t width = config.intermediate;
        return gated_activation(both.narrow(-1, 0, width), both.narrow(-1, width, width), config.activation);
    }
    const at::Tensor up = project(mlp_input, weights.up);
    if (config.mlp == MlpKind::kGated) return gated_activation(project(mlp_input, weights.gate), up, config.activation);
    return config.activation == Activation::kXielu ? xielu(up, weights.activation_positive, weights.activation_negative)
                                                   : activate(up, config.activation);
}

at::Tensor block_mlp_key(const DecoderConfig& config, const LayerWeights& weights, const at::Tensor& hidden,
                         const at::Tensor& after_attention) {
    return block_expand(config, weights, block_mlp_input(config, weights, hidden, after_attention));
}

at::Tensor block_mlp_output(const LayerWeights& weights, const at::Tensor& key) { return project(key, weights.down); }

at::Tensor block_after_mlp(const DecoderConfig& config, const LayerWeights& weights, const at::Tensor& after_attention,
                           const at::Tensor& output) {
    const at::Tensor stream = add_to_stream(config, after_attention, output, weights.mlp_post_norm);
    return config.norm_place == NormPlace::kAfterResidual ? apply_norm(config, stream, weights.mlp_norm) : stream;
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
