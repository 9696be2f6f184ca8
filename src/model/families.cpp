#include "model/families.h"

#include "model/family_readers.h"

#include <algorithm>
#include <array>

namespace nepenthe::model {

namespace {

using enum Role;

constexpr std::array kGpt2Names = {
    NamePattern{kEmbedding, "wte.weight"},
    NamePattern{kPositions, "wpe.weight"},
    NamePattern{kAttentionNorm, "h.{}.ln_1.weight"},
    NamePattern{kAttentionNormBias, "h.{}.ln_1.bias"},
    NamePattern{kQkv, "h.{}.attn.c_attn.weight"},
    NamePattern{kQkvBias, "h.{}.attn.c_attn.bias"},
    NamePattern{kAttentionOutput, "h.{}.attn.c_proj.weight"},
    NamePattern{kAttentionOutputBias, "h.{}.attn.c_proj.bias"},
    NamePattern{kMlpNorm, "h.{}.ln_2.weight"},
    NamePattern{kMlpNormBias, "h.{}.ln_2.bias"},
    NamePattern{kUp, "h.{}.mlp.c_fc.weight"},
    NamePattern{kUpBias, "h.{}.mlp.c_fc.bias"},
    NamePattern{kDown, "h.{}.mlp.c_proj.weight"},
    NamePattern{kDownBias, "h.{}.mlp.c_proj.bias"},
    NamePattern{kFinalNorm, "ln_f.weight"},
    NamePattern{kFinalNormBias, "ln_f.bias"},
    NamePattern{kHead, "lm_head.weight"},
};

constexpr std::array kGptNeoNames = {
    NamePattern{kEmbedding, "wte.weight"},
    NamePattern{kPositions, "wpe.weight"},
    NamePattern{kAttentionNorm, "h.{}.ln_1.weight"},
    NamePattern{kAttentionNormBias, "h.{}.ln_1.bias"},
    NamePattern{kQuery, "h.{}.attn.attention.q_proj.weight"},
    NamePattern{kKey, "h.{}.attn.attention.k_proj.weight"},
    NamePattern{kValue, "h.{}.attn.attention.v_proj.weight"},
    NamePattern{kAttentionOutput, "h.{}.attn.attention.out_proj.weight"},
    NamePattern{kAttentionOutputBias, "h.{}.attn.attention.out_proj.bias"},
    NamePattern{kMlpNorm, "h.{}.ln_2.weight"},
    NamePattern{kMlpNormBias, "h.{}.ln_2.bias"},
    NamePattern{kUp, "h.{}.mlp.c_fc.weight"},
    NamePattern{kUpBias, "h.{}.mlp.c_fc.bias"},
    NamePattern{kDown, "h.{}.mlp.c_proj.weight"},
    NamePattern{kDownBias, "h.{}.mlp.c_proj.bias"},
    NamePattern{kFinalNorm, "ln_f.weight"},
    NamePattern{kFinalNormBias, "ln_f.bias"},
    NamePattern{kHead, "lm_head.weight"},
};

constexpr std::array kGptJNames = {
    NamePattern{kEmbedding, "wte.weight"},
    NamePattern{kAttentionNorm, "h.{}.ln_1.weight"},
    NamePattern{kAttentionNormBias, "h.{}.ln_1.bias"},
    NamePattern{kQuery, "h.{}.attn.q_proj.weight"},
    NamePattern{kKey, "h.{}.attn.k_proj.weight"},
    NamePattern{kValue, "h.{}.attn.v_proj.weight"},
    NamePattern{kAttentionOutput, "h.{}.attn.out_proj.weight"},
    NamePattern{kUp, "h.{}.mlp.fc_in.weight"},
    NamePattern{kUpBias, "h.{}.mlp.fc_in.bias"},
    NamePattern{kDown, "h.{}.mlp.fc_out.weight"},
    NamePattern{kDownBias, "h.{}.mlp.fc_out.bias"},
    NamePattern{kFinalNorm, "ln_f.weight"},
    NamePattern{kFinalNormBias, "ln_f.bias"},
    NamePattern{kHead, "lm_head.weight"},
    NamePattern{kHeadBias, "lm_head.bias"},
};

constexpr std::array kGptNeoxNames = {
    NamePattern{kEmbedding, "embed_in.weight"},
    NamePattern{kAttentionNorm, "layers.{}.input_layernorm.weight"},
    NamePattern{kAttentionNormBias, "layers.{}.input_layernorm.bias"},
    NamePattern{kQkv, "layers.{}.attention.query_key_value.weight"},
    NamePattern{kQkvBias, "layers.{}.attention.query_key_value.bias"},
    NamePattern{kAttentionOutput, "layers.{}.attention.dense.weight"},
    NamePattern{kAttentionOutputBias, "layers.{}.attention.dense.bias"},
    NamePattern{kMlpNorm, "layers.{}.post_attention_layernorm.weight"},
    NamePattern{kMlpNormBias, "layers.{}.post_attention_layernorm.bias"},
    NamePattern{kUp, "layers.{}.mlp.dense_h_to_4h.weight"},
    NamePattern{kUpBias, "layers.{}.mlp.dense_h_to_4h.bias"},
    NamePattern{kDown, "layers.{}.mlp.dense_4h_to_h.weight"},
    NamePattern{kDownBias, "layers.{}.mlp.dense_4h_to_h.bias"},
    NamePattern{kFinalNorm, "final_layer_norm.weight"},
    NamePattern{kFinalNormBias, "final_layer_norm.bias"},
    NamePattern{kHead, "embed_out.weight"},
};

constexpr std::array kPhiNames = {
    NamePattern{kEmbedding, "embed_tokens.weight"},
    NamePattern{kAttentionNorm, "layers.{}.input_layernorm.weight"},
    NamePattern{kAttentionNormBias, "layers.{}.input_layernorm.bias"},
    NamePattern{kQuery, "layers.{}.self_attn.q_proj.weight"},
    NamePattern{kQueryBias, "layers.{}.self_attn.q_proj.bias"},
    NamePattern{kKey, "layers.{}.self_attn.k_proj.weight"},
    NamePattern{kKeyBias, "layers.{}.self_attn.k_proj.bias"},
    NamePattern{kValue, "layers.{}.self_attn.v_proj.weight"},
    NamePattern{kValueBias, "layers.{}.self_attn.v_proj.bias"},
    NamePattern{kAttentionOutput, "layers.{}.self_attn.dense.weight"},
    NamePattern{kAttentionOutputBias, "layers.{}.self_attn.dense.bias"},
    NamePattern{kUp, "layers.{}.mlp.fc1.weight"},
    NamePattern{kUpBias, "layers.{}.mlp.fc1.bias"},
    NamePattern{kDown, "layers.{}.mlp.fc2.weight"},
    NamePattern{kDownBias, "layers.{}.mlp.fc2.bias"},
    NamePattern{kFinalNorm, "final_layernorm.weight"},
    NamePattern{kFinalNormBias, "final_layernorm.bias"},
    NamePattern{kHead, "lm_head.weight"},
    NamePattern{kHeadBias, "lm_head.bias"},
};

// Llama, Mistral, Qwen 2 and 3: which of the biases and head norms exist is the configuration's business.
constexpr std::array kLlamaNames = {
    NamePattern{kEmbedding, "embed_tokens.weight"},
    NamePattern{kAttentionNorm, "layers.{}.input_layernorm.weight"},
    NamePattern{kQuery, "layers.{}.self_attn.q_proj.weight"},
    NamePattern{kQueryBias, "layers.{}.self_attn.q_proj.bias"},
    NamePattern{kKey, "layers.{}.self_attn.k_proj.weight"},
    NamePattern{kKeyBias, "layers.{}.self_attn.k_proj.bias"},
    NamePattern{kValue, "layers.{}.self_attn.v_proj.weight"},
    NamePattern{kValueBias, "layers.{}.self_attn.v_proj.bias"},
    NamePattern{kQueryNorm, "layers.{}.self_attn.q_norm.weight"},
    NamePattern{kKeyNorm, "layers.{}.self_attn.k_norm.weight"},
    NamePattern{kAttentionOutput, "layers.{}.self_attn.o_proj.weight"},
    NamePattern{kAttentionOutputBias, "layers.{}.self_attn.o_proj.bias"},
    NamePattern{kMlpNorm, "layers.{}.post_attention_layernorm.weight"},
    NamePattern{kGate, "layers.{}.mlp.gate_proj.weight"},
    NamePattern{kGateBias, "layers.{}.mlp.gate_proj.bias"},
    NamePattern{kUp, "layers.{}.mlp.up_proj.weight"},
    NamePattern{kUpBias, "layers.{}.mlp.up_proj.bias"},
    NamePattern{kDown, "layers.{}.mlp.down_proj.weight"},
    NamePattern{kDownBias, "layers.{}.mlp.down_proj.bias"},
    NamePattern{kFinalNorm, "norm.weight"},
    NamePattern{kHead, "lm_head.weight"},
};

// The same projections; norms stand behind attention and MLP (OLMo 2) or on both sides (Gemma 3).
constexpr std::array kPostNormNames = {
    NamePattern{kEmbedding, "embed_tokens.weight"},
    NamePattern{kAttentionNorm, "layers.{}.input_layernorm.weight"},
    NamePattern{kQuery, "layers.{}.self_attn.q_proj.weight"},
    NamePattern{kQueryBias, "layers.{}.self_attn.q_proj.bias"},
    NamePattern{kKey, "layers.{}.self_attn.k_proj.weight"},
    NamePattern{kKeyBias, "layers.{}.self_attn.k_proj.bias"},
    NamePattern{kValue, "layers.{}.self_attn.v_proj.weight"},
    NamePattern{kValueBias, "layers.{}.self_attn.v_proj.bias"},
    NamePattern{kQueryNorm, "layers.{}.self_attn.q_norm.weight"},
    NamePattern{kKeyNorm, "layers.{}.self_attn.k_norm.weight"},
    NamePattern{kAttentionOutput, "layers.{}.self_attn.o_proj.weight"},
    NamePattern{kAttentionOutputBias, "layers.{}.self_attn.o_proj.bias"},
    NamePattern{kAttentionPostNorm, "layers.{}.post_attention_layernorm.weight"},
    NamePattern{kMlpNorm, "layers.{}.pre_feedforward_layernorm.weight"},
    NamePattern{kGate, "layers.{}.mlp.gate_proj.weight"},
    NamePattern{kUp, "layers.{}.mlp.up_proj.weight"},
    NamePattern{kDown, "layers.{}.mlp.down_proj.weight"},
    NamePattern{kMlpPostNorm, "layers.{}.post_feedforward_layernorm.weight"},
    NamePattern{kFinalNorm, "norm.weight"},
    NamePattern{kHead, "lm_head.weight"},
};

constexpr std::array kFamilies = {
    Family{"gpt2", read_gpt2, "transformer.", kGpt2Names, QkvLayout::kConcatenated, true},
    Family{"gpt_neo", read_gpt_neo, "transformer.", kGptNeoNames},
    Family{"gptj", read_gptj, "transformer.", kGptJNames},
    Family{"gpt_neox", read_gpt_neox, "gpt_neox.", kGptNeoxNames, QkvLayout::kInterleaved},
    Family{"llama", read_llama, "model.", kLlamaNames},
    Family{"mistral", read_mistral, "model.", kLlamaNames},
    Family{"qwen2", read_qwen2, "model.", kLlamaNames},
    Family{"qwen3", read_qwen3, "model.", kLlamaNames},
    Family{"phi", read_phi, "model.", kPhiNames},
    Family{"olmo2", read_olmo2, "model.", kPostNormNames},
    Family{"gemma3_text", read_gemma3, "model.", kPostNormNames},
};

// The shape of a tensor, empty where a model of this configuration has none of this role.
std::vector<std::int64_t> shape_of(Role role, const DecoderConfig& config) {
    const std::int64_t queries = config.heads * config.head_dim;
    const std::int64_t keys = config.kv_heads * config.head_dim;
    const bool layer_norm = config.norm == NormKind::kLayerNorm;
    const bool pre = config.norm_place != NormPlace::kPost;
    const bool post = config.norm_place != NormPlace::kPre;
    const bool gated = config.mlp == MlpKind::kGated;
    using Shape = std::vector<std::int64_t>;
    const auto only_if = [](bool condition, Shape shape) { return condition ? shape : Shape{}; };
    const auto norm_shape = [&](std::int64_t all_heads) {
        return config.qk_norm == PerHeadNorm::kNone   ? Shape{}
               : config.qk_norm == PerHeadNorm::kHead ? Shape{config.head_dim}
                                                      : Shape{all_heads};
    };
    switch (role) {
        case kEmbedding: return {config.vocabulary, config.hidden};
        case kPositions: return only_if(config.positions == Positions::kLearned, {config.max_positions, config.hidden});
        case kFinalNorm: return {config.hidden};
        case kFinalNormBias: return only_if(layer_norm, {config.hidden});
        case kHead: return only_if(!config.tied, {config.vocabulary, config.hidden});
        case kHeadBias: return only_if(config.head_bias, {config.vocabulary});
        case kAttentionNorm: return only_if(pre, {config.hidden});
        case kAttentionNormBias: return only_if(pre && layer_norm, {config.hidden});
        case kAttentionPostNorm: return only_if(post, {config.hidden});
        case kMlpNorm: return only_if(pre && config.residual != Residual::kParallelOneNorm, {config.hidden});
        case kMlpNormBias:
            return only_if(pre && layer_norm && config.residual != Residual::kParallelOneNorm, {config.hidden});
        case kMlpPostNorm: return only_if(post, {config.hidden});
        case kQuery: return {queries, config.hidden};
        case kQueryBias: return only_if(config.qkv_bias, {queries});
        case kKey:
        case kValue: return {keys, config.hidden};
        case kKeyBias:
        case kValueBias: return only_if(config.qkv_bias, {keys});
        case kQkv: return {queries + 2 * keys, config.hidden};
        case kQkvBias: return only_if(config.qkv_bias, {queries + 2 * keys});
        case kQueryNorm: return norm_shape(queries);
        case kKeyNorm: return norm_shape(keys);
        case kAttentionOutput: return {config.hidden, queries};
        case kAttentionOutputBias: return only_if(config.attention_output_bias, {config.hidden});
        case kGate: return only_if(gated, {config.intermediate, config.hidden});
        case kGateBias: return only_if(gated && config.mlp_bias, {config.intermediate});
        case kUp: return {config.intermediate, config.hidden};
        case kUpBias: return only_if(config.mlp_bias, {config.intermediate});
        case kDown: return {config.hidden, config.intermediate};
        case kDownBias: return only_if(config.mlp_bias, {config.hidden});
    }
    return {};
}

bool is_projection(Role role) { return role == kQkv || role == kAttentionOutput || role == kUp || role == kDown; }

TensorSpec make_spec(const Family& family, const NamePattern& pattern, const DecoderConfig& config, std::int64_t layer,
                     std::string_view prefix) {
    TensorSpec spec;
    spec.role = pattern.role;
    spec.layer = layer;
    const bool head = pattern.role == kHead || pattern.role == kHeadBias;
    spec.name = head ? "" : std::string(prefix);
    spec.name += pattern.name;
    if (const std::size_t hole = spec.name.find("{}"); hole != std::string::npos) {
        spec.name.replace(hole, 2, std::to_string(layer));
    }
    spec.shape = shape_of(pattern.role, config);
    spec.transposed = family.transposed && is_projection(pattern.role);
    if (spec.transposed) {
        std::swap(spec.shape.at(0), spec.shape.at(1));
    }
    return spec;
}

}  // namespace

std::span<const Family> all_families() { return kFamilies; }

const Family* find_family(std::string_view model_type) {
    const auto found = std::ranges::find(kFamilies, model_type, &Family::name);
    return found == kFamilies.end() ? nullptr : &*found;
}

std::vector<TensorSpec> tensor_specs(const DecoderConfig& config) {
    return tensor_specs(config, find_family(config.family)->prefix);
}

std::vector<TensorSpec> tensor_specs(const DecoderConfig& config, std::string_view prefix) {
    const Family* family = find_family(config.family);
    NEPENTHE_CHECK(family != nullptr);
    std::vector<TensorSpec> specs;
    const auto add = [&](const NamePattern& pattern, std::int64_t layer) {
        TensorSpec spec = make_spec(*family, pattern, config, layer, prefix);
        if (!spec.shape.empty()) {
            specs.push_back(std::move(spec));
        }
    };
    const auto per_layer = [](const NamePattern& pattern) { return pattern.name.find("{}") != std::string_view::npos; };
    const auto first = std::ranges::find_if(family->names, per_layer);
    const auto last = std::find_if_not(first, family->names.end(), per_layer);
    std::for_each(family->names.begin(), first, [&](const NamePattern& pattern) { add(pattern, -1); });
    for (std::int64_t layer = 0; layer < config.layers; ++layer) {
        std::for_each(first, last, [&](const NamePattern& pattern) { add(pattern, layer); });
    }
    std::for_each(last, family->names.end(), [&](const NamePattern& pattern) { add(pattern, -1); });
    return specs;
}

bool is_ignored_buffer(std::string_view name) {
    constexpr std::array<std::string_view, 4> kEndings = {".attn.bias", ".attn.masked_bias", ".inv_freq",
                                                          ".attention.masked_bias"};
    return std::ranges::any_of(kEndings, [&](std::string_view ending) { return name.ends_with(ending); }) ||
           name.ends_with(".attention.bias");
}

}  // namespace nepenthe::model
