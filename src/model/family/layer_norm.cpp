#include "model/family/config_defaults.h"
#include "model/family/families.h"
#include "model/family/rotary_fields.h"
#include "model/family/shared_names.h"
#include "model/family/shared_readers.h"

#include <array>

namespace nepenthe::model {

namespace {

using enum Role;

void read_phi(const Json& json, DecoderConfig& config, Problems& problems) {
    ConfigFields fields(json, config_defaults(config.family), problems);
    read_llama_style(fields, config, "layer_norm_eps");
    set_gpt_style(config);
    config.residual = Residual::kParallelOneNorm;
    config.qkv_bias = config.attention_output_bias = true;
    config.head_bias = true;
    if (fields.flag("qk_layernorm")) {
        config.qk_norm = PerHeadNorm::kHead;
        config.qk_norm_kind = NormKind::kLayerNorm;
        config.qk_norm_bias = true;
    }
    read_single_rotary(fields, config, {.share = 0.5, .partial = true});
}

void read_starcoder2(const Json& json, DecoderConfig& config, Problems& problems) {
    ConfigFields fields(json, config_defaults(config.family), problems);
    read_llama_style(fields, config, "norm_epsilon");
    set_gpt_style(config);
    config.qkv_bias = config.attention_output_bias = config.mlp_bias = fields.flag("use_bias");
    set_all_windows(config, fields.size_or("sliding_window", 0));
    read_single_rotary(fields, config);
}

void read_stablelm(const Json& json, DecoderConfig& config, Problems& problems) {
    ConfigFields fields(json, config_defaults(config.family), problems);
    read_llama_style(fields, config, "layer_norm_eps");
    config.norm = NormKind::kLayerNorm;
    check_heads_make_hidden(fields, config);
    config.qkv_bias = fields.flag("use_qkv_bias");
    config.residual = fields.flag("use_parallel_residual") ? Residual::kParallelOneNorm : Residual::kSequential;
    if (fields.flag("qk_layernorm")) {
        config.qk_norm = PerHeadNorm::kEachHead;
        config.qk_norm_kind = NormKind::kLayerNorm;
    }
    read_single_rotary(fields, config, {.share = 0.25, .partial = true});
}

void read_nemotron(const Json& json, DecoderConfig& config, Problems& problems) {
    ConfigFields fields(json, config_defaults(config.family), problems);
    read_llama_style(fields, config, "norm_eps");
    config.norm = NormKind::kLayerNormOnePlus;
    config.mlp = MlpKind::kPlain;
    config.qkv_bias = config.attention_output_bias = fields.flag("attention_bias");
    config.mlp_bias = fields.flag("mlp_bias");
    read_single_rotary(fields, config, {.share = 0.5, .partial = true});
}

// One layer norm without biases in front of attention and MLP, and scaled logits.
void read_cohere_style(ConfigFields& fields, DecoderConfig& config, double theta) {
    read_llama_style(fields, config, "layer_norm_eps");
    config.norm = NormKind::kLayerNorm;
    config.norm_bias = false;
    config.residual = Residual::kParallelOneNorm;
    config.qkv_bias = config.attention_output_bias = fields.flag("attention_bias");
    config.logit_scale = fields.number("logit_scale");
    read_single_rotary(fields, config, {.theta = theta, .pairing = Rotary::Pairing::kInterleaved});
}

void read_cohere(const Json& json, DecoderConfig& config, Problems& problems) {
    ConfigFields fields(json, config_defaults(config.family), problems);
    read_cohere_style(fields, config, 500'000.0);
    if (fields.flag_or("use_qk_norm", false)) {
        config.qk_norm = PerHeadNorm::kEachHead;
        config.qk_norm_kind = NormKind::kLayerNorm;
    }
}

void read_cohere2(const Json& json, DecoderConfig& config, Problems& problems) {
    ConfigFields fields(json, config_defaults(config.family), problems);
    read_cohere_style(fields, config, 10'000.0);
    fields.refuse_if("use_qk_norm", "a norm of queries and keys in this family");
    read_patterned_windows(fields, config, fields.size_or("sliding_window_pattern", 4));
    rotate_sliding_layers_only(config);
}

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
    NamePattern{kQueryNorm, "layers.{}.self_attn.q_layernorm.weight"},
    NamePattern{kQueryNormBias, "layers.{}.self_attn.q_layernorm.bias"},
    NamePattern{kKeyNorm, "layers.{}.self_attn.k_layernorm.weight"},
    NamePattern{kKeyNormBias, "layers.{}.self_attn.k_layernorm.bias"},
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

constexpr std::array kStarcoder2Names = renamed(
    kLlamaNames,
    std::array{NamePattern{kUp, "layers.{}.mlp.c_fc.weight"}, NamePattern{kUpBias, "layers.{}.mlp.c_fc.bias"},
               NamePattern{kDown, "layers.{}.mlp.c_proj.weight"}, NamePattern{kDownBias, "layers.{}.mlp.c_proj.bias"}});
constexpr std::array kStablelmNames =
    renamed(kLlamaNames, std::array{NamePattern{kQueryNorm, "layers.{}.self_attn.q_layernorm.norms.{}.weight"},
                                    NamePattern{kKeyNorm, "layers.{}.self_attn.k_layernorm.norms.{}.weight"}});

constexpr std::array kLayerNormFamilies = {
    Family{"phi", read_phi, "model.", kPhiNames},
    Family{"starcoder2", read_starcoder2, "model.", kStarcoder2Names},
    Family{"stablelm", read_stablelm, "model.", kStablelmNames},
    Family{"nemotron", read_nemotron, "model.", kLlamaNames},
    Family{"cohere", read_cohere, "model.", kLlamaNames},
    Family{"cohere2", read_cohere2, "model.", kLlamaNames},
};

}  // namespace

std::span<const Family> layer_norm_families() { return kLayerNormFamilies; }

}  // namespace nepenthe::model
