#include "model/family/config_defaults.h"
#include "model/family/families.h"
#include "model/family/rotary_fields.h"
#include "model/family/shared_readers.h"

#include <array>

namespace nepenthe::model {

namespace {

using enum Role;

void read_gpt2(const Json& json, DecoderConfig& config, Problems& problems) {
    ConfigFields fields(json, config_defaults(config.family), problems);
    set_gpt_style(config);
    config.vocabulary = fields.size("vocab_size");
    config.hidden = fields.size(fields.spelled({"n_embd", "hidden_size"}));
    config.layers = fields.layers(fields.spelled({"n_layer", "num_hidden_layers"}));
    config.max_positions = fields.size(fields.spelled({"n_positions", "max_position_embeddings"}));
    config.intermediate = fields.size_or("n_inner", 4 * config.hidden);
    set_even_heads(fields, config, fields.size(fields.spelled({"n_head", "num_attention_heads"})));
    config.norm_epsilon = fields.number("layer_norm_epsilon");
    config.activation = read_activation(fields, "activation_function");
    config.qkv_bias = config.attention_output_bias = true;
    config.qkv = QkvLayout::kConcatenated;
    config.positions = Positions::kLearned;
    config.tied = fields.flag("tie_word_embeddings");
    if (!fields.flag("scale_attn_weights")) {
        config.attention_scale = 1.0;
    }
    if (fields.flag("scale_attn_by_inverse_layer_idx")) {
        fields.refuse("scale_attn_by_inverse_layer_idx", "scaling attention by the layer's number");
    }
    if (fields.flag("add_cross_attention")) {
        fields.refuse("add_cross_attention", "attention to an encoder");
    }
    set_all_windows(config, 0);
}

void read_gpt_neo(const Json& json, DecoderConfig& config, Problems& problems) {
    ConfigFields fields(json, config_defaults(config.family), problems);
    set_gpt_style(config);
    config.vocabulary = fields.size("vocab_size");
    config.hidden = fields.size("hidden_size");
    config.layers = fields.layers(fields.spelled({"num_layers", "num_hidden_layers"}));
    config.max_positions = fields.size("max_position_embeddings");
    config.intermediate = fields.size_or("intermediate_size", 4 * config.hidden);
    set_even_heads(fields, config, fields.size(fields.spelled({"num_heads", "num_attention_heads"})));
    config.attention_scale = 1.0;
    config.norm_epsilon = fields.number("layer_norm_epsilon");
    config.activation = read_activation(fields, "activation_function");
    config.attention_output_bias = true;
    config.positions = Positions::kLearned;
    config.tied = fields.flag("tie_word_embeddings");
    const std::int64_t window = fields.size("window_size");
    // attention_types: [[["global", "local"], 6], …], each list repeated so many times.
    const Json* types = fields.find("attention_types");
    std::vector<std::int64_t> windows;
    for (const Json& item : types != nullptr && types->is_array() ? *types : Json::array()) {
        if (!item.is_array() || item.size() != 2 || !item[0].is_array() || !item[1].is_number_unsigned()) {
            problems.add("\"attention_types\" must hold pairs of [[\"global\" | \"local\", …], times]");
            return;
        }
        for (std::uint64_t i = 0; i < item[1].get<std::uint64_t>() && windows.size() <= 4096; ++i) {
            for (const Json& type : item[0]) {
                const std::string kind = text_of(type);
                if (kind != "global" && kind != "local") {
                    problems.add("attention of type {} is not supported", type.dump());
                }
                windows.push_back(kind == "local" ? window : 0);
            }
        }
    }
    if (windows.size() != static_cast<std::size_t>(config.layers)) {
        problems.add("\"attention_types\" describes {} layers, \"num_layers\" is {}", windows.size(), config.layers);
    }
    config.window_of = std::move(windows);
}

void read_gptj(const Json& json, DecoderConfig& config, Problems& problems) {
    ConfigFields fields(json, config_defaults(config.family), problems);
    set_gpt_style(config);
    config.residual = Residual::kParallelOneNorm;
    config.vocabulary = fields.size("vocab_size");
    config.hidden = fields.size(fields.spelled({"n_embd", "hidden_size"}));
    config.layers = fields.layers(fields.spelled({"n_layer", "num_hidden_layers"}));
    config.max_positions = fields.size(fields.spelled({"n_positions", "max_position_embeddings"}));
    config.intermediate = fields.size_or("n_inner", 4 * config.hidden);
    set_even_heads(fields, config, fields.size(fields.spelled({"n_head", "num_attention_heads"})));
    config.norm_epsilon = fields.number("layer_norm_epsilon");
    config.activation = read_activation(fields, "activation_function");
    config.tied = fields.flag("tie_word_embeddings");
    config.head_bias = true;
    Rotary rotary;
    rotary.pairing = Rotary::Pairing::kInterleaved;
    rotary.dims = fields.size_or("rotary_dim", config.head_dim);
    if (rotary.dims > config.head_dim || rotary.dims % 2 != 0) {
        problems.add("\"rotary_dim\" {} must be even and at most the head's {} dimensions", rotary.dims,
                     config.head_dim);
    }
    config.rotaries = {rotary};
    config.rotary_of.assign(static_cast<std::size_t>(config.layers), 0);
    set_all_windows(config, 0);
}

void read_gpt_neox(const Json& json, DecoderConfig& config, Problems& problems) {
    ConfigFields fields(json, config_defaults(config.family), problems);
    set_gpt_style(config);
    config.residual = fields.flag("use_parallel_residual") ? Residual::kParallelTwoNorms : Residual::kSequential;
    config.vocabulary = fields.size("vocab_size");
    config.hidden = fields.size("hidden_size");
    config.layers = fields.layers("num_hidden_layers");
    config.intermediate = fields.size("intermediate_size");
    config.max_positions = fields.size("max_position_embeddings");
    set_even_heads(fields, config, fields.size("num_attention_heads"));
    config.norm_epsilon = fields.number("layer_norm_eps");
    config.activation = read_activation(fields, "hidden_act");
    config.qkv_bias = config.attention_output_bias = fields.flag("attention_bias");
    config.tied = fields.flag("tie_word_embeddings");
    config.qkv = QkvLayout::kInterleaved;
    const RotaryRules rules{.theta = fields.number_or("rotary_emb_base", 10000.0),
                            .share = fields.number_or("rotary_pct", 0.25),
                            .partial = true,
                            .original_positions = fields.number_or("original_max_position_embeddings", 0.0)};
    config.rotaries = {read_rotary(rotary_parameters(fields), rules, config, problems)};
    config.rotary_of.assign(static_cast<std::size_t>(config.layers), 0);
    set_all_windows(config, 0);
}

void read_opt(const Json& json, DecoderConfig& config, Problems& problems) {
    ConfigFields fields(json, config_defaults(config.family), problems);
    set_gpt_style(config);
    config.vocabulary = fields.size("vocab_size");
    config.hidden = fields.size("hidden_size");
    config.layers = fields.layers("num_hidden_layers");
    config.intermediate = fields.size("ffn_dim");
    config.max_positions = fields.size("max_position_embeddings");
    set_even_heads(fields, config, fields.size("num_attention_heads"));
    if (fields.size_or("word_embed_proj_dim", config.hidden) != config.hidden) {
        fields.refuse("word_embed_proj_dim", "an embedding of another width than the hidden size");
    }
    config.activation = read_activation(fields, "activation_function");
    config.qkv_bias = config.attention_output_bias = config.mlp_bias = fields.flag("enable_bias");
    config.norm_weight = fields.flag("layer_norm_elementwise_affine");
    const bool before = fields.flag("do_layer_norm_before");
    config.norm_place = before ? NormPlace::kPre : NormPlace::kAfterResidual;
    config.final_norm = before && !fields.flag("_remove_final_layer_norm");
    config.positions = Positions::kLearned;
    config.position_offset = 2;
    config.tied = fields.flag("tie_word_embeddings");
    set_all_windows(config, 0);
}

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

constexpr std::array kOptNames = {
    NamePattern{kEmbedding, "embed_tokens.weight"},
    NamePattern{kPositions, "embed_positions.weight"},
    NamePattern{kAttentionNorm, "layers.{}.self_attn_layer_norm.weight"},
    NamePattern{kAttentionNormBias, "layers.{}.self_attn_layer_norm.bias"},
    NamePattern{kQuery, "layers.{}.self_attn.q_proj.weight"},
    NamePattern{kQueryBias, "layers.{}.self_attn.q_proj.bias"},
    NamePattern{kKey, "layers.{}.self_attn.k_proj.weight"},
    NamePattern{kKeyBias, "layers.{}.self_attn.k_proj.bias"},
    NamePattern{kValue, "layers.{}.self_attn.v_proj.weight"},
    NamePattern{kValueBias, "layers.{}.self_attn.v_proj.bias"},
    NamePattern{kAttentionOutput, "layers.{}.self_attn.out_proj.weight"},
    NamePattern{kAttentionOutputBias, "layers.{}.self_attn.out_proj.bias"},
    NamePattern{kMlpNorm, "layers.{}.final_layer_norm.weight"},
    NamePattern{kMlpNormBias, "layers.{}.final_layer_norm.bias"},
    NamePattern{kUp, "layers.{}.fc1.weight"},
    NamePattern{kUpBias, "layers.{}.fc1.bias"},
    NamePattern{kDown, "layers.{}.fc2.weight"},
    NamePattern{kDownBias, "layers.{}.fc2.bias"},
    NamePattern{kFinalNorm, "final_layer_norm.weight"},
    NamePattern{kFinalNormBias, "final_layer_norm.bias"},
    NamePattern{kHead, "lm_head.weight"},
};

constexpr std::array kGptFamilies = {
    Family{"gpt2", read_gpt2, "transformer.", kGpt2Names, /*transposed=*/true},
    Family{"gpt_neo", read_gpt_neo, "transformer.", kGptNeoNames},
    Family{"gptj", read_gptj, "transformer.", kGptJNames},
    Family{"gpt_neox", read_gpt_neox, "gpt_neox.", kGptNeoxNames},
    Family{"opt", read_opt, "model.decoder.", kOptNames},
};

}  // namespace

std::span<const Family> gpt_families() { return kGptFamilies; }

}  // namespace nepenthe::model
