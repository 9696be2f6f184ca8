#include "model/family/config_defaults.h"
#include "model/family/families.h"
#include "model/family/rotary_fields.h"
#include "model/family/shared_names.h"
#include "model/family/shared_readers.h"

#include <array>
#include <cmath>

namespace nepenthe::model {

namespace {

using enum Role;

void read_llama(const Json& json, DecoderConfig& config, Problems& problems) {
    ConfigFields fields(json, config_defaults(config.family), problems);
    read_llama_style(fields, config);
    config.qkv_bias = config.attention_output_bias = fields.flag("attention_bias");
    config.mlp_bias = fields.flag("mlp_bias");
    read_single_rotary(fields, config);
}

void read_mistral(const Json& json, DecoderConfig& config, Problems& problems) {
    ConfigFields fields(json, config_defaults(config.family), problems);
    read_llama_style(fields, config);
    set_all_windows(config, fields.size_or("sliding_window", 0));  // null switches it off
    read_single_rotary(fields, config);
}

// Mistral with a kind of attention for each layer.
void read_ministral(const Json& json, DecoderConfig& config, Problems& problems) {
    ConfigFields fields(json, config_defaults(config.family), problems);
    read_llama_style(fields, config);
    const std::int64_t window = fields.size_or("sliding_window", 0);
    if (!read_layer_types(fields, config, window)) set_all_windows(config, window);
    read_single_rotary(fields, config);
}

// Qwen 2 and 3: windows in layers from max_window_layers on, only when switched on.
void read_qwen_windows(ConfigFields& fields, DecoderConfig& config) {
    const std::int64_t window = fields.flag("use_sliding_window") ? fields.size_or("sliding_window", 0) : 0;
    if (read_layer_types(fields, config, window) || window == 0) {
        return;
    }
    std::int64_t first = 0;
    if (const Json* value = fields.find("max_window_layers"); value != nullptr) {
        if (!value->is_number_integer() || value->get<std::int64_t>() < 0) {
            fields.problems().add("\"max_window_layers\" must be a whole number, not {}", value->dump());
        } else {
            first = value->get<std::int64_t>();  // 0 is meant: every layer slides
        }
    }
    for (std::int64_t layer = first; layer < config.layers; ++layer) {
        config.window_of[static_cast<std::size_t>(layer)] = window;
    }
}

void read_qwen2(const Json& json, DecoderConfig& config, Problems& problems) {
    ConfigFields fields(json, config_defaults(config.family), problems);
    read_llama_style(fields, config);
    config.qkv_bias = true;
    read_qwen_windows(fields, config);
    read_single_rotary(fields, config);
}

void read_qwen3(const Json& json, DecoderConfig& config, Problems& problems) {
    ConfigFields fields(json, config_defaults(config.family), problems);
    read_llama_style(fields, config);
    config.qk_norm = PerHeadNorm::kHead;
    config.qkv_bias = config.attention_output_bias = fields.flag("attention_bias");
    read_qwen_windows(fields, config);
    read_single_rotary(fields, config);
}

void read_seed_oss(const Json& json, DecoderConfig& config, Problems& problems) {
    ConfigFields fields(json, config_defaults(config.family), problems);
    read_llama_style(fields, config);
    config.qkv_bias = fields.flag("attention_bias");
    config.attention_output_bias = fields.flag("attention_out_bias");
    config.mlp_bias = fields.flag("mlp_bias");
    read_single_rotary(fields, config);
}

void read_arcee(const Json& json, DecoderConfig& config, Problems& problems) {
    read_llama(json, config, problems);
    config.mlp = MlpKind::kPlain;
}

void read_granite(const Json& json, DecoderConfig& config, Problems& problems) {
    read_llama(json, config, problems);
    ConfigFields fields(json, config_defaults(config.family), problems);
    config.attention_scale = fields.number("attention_multiplier");
    config.embedding_scale = fields.number("embedding_multiplier");
    config.residual_multiplier = fields.number("residual_multiplier");
    config.logit_scale = 1.0 / fields.number("logits_scaling");
}

void read_smollm3(const Json& json, DecoderConfig& config, Problems& problems) {
    ConfigFields fields(json, config_defaults(config.family), problems);
    read_llama_style(fields, config);
    config.qkv_bias = config.attention_output_bias = fields.flag("attention_bias");
    config.mlp_bias = fields.flag("mlp_bias");
    read_single_rotary(fields, config, {.theta = 2'000'000.0});
    const std::int64_t interval = fields.size("no_rope_layer_interval"), window = fields.size_or("sliding_window", 0);
    const Json* rotated = fields.find("no_rope_layers");  // despite its name: 1 = rotated
    if (rotated != nullptr && (!rotated->is_array() || rotated->size() != static_cast<std::size_t>(config.layers))) {
        problems.add("\"no_rope_layers\" must hold a number for each of the {} layers", config.layers);
        return;
    }
    for (std::int64_t layer = 0; layer < config.layers; ++layer) {
        const auto index = static_cast<std::size_t>(layer);
        const bool turns = rotated == nullptr ? interval > 0 && (layer + 1) % interval != 0
                                              : (*rotated)[index] != 0 && (*rotated)[index] != false;
        if (!turns) config.rotary_of[index] = -1;
    }
    if (read_layer_types(fields, config, window) || window == 0 || !fields.flag("use_sliding_window")) return;
    for (std::size_t layer = 0; layer < config.rotary_of.size(); ++layer) {
        if (config.rotary_of[layer] < 0) config.window_of[layer] = window;
    }
}

void read_helium(const Json& json, DecoderConfig& config, Problems& problems) {
    ConfigFields fields(json, config_defaults(config.family), problems);
    read_llama_style(fields, config);
    config.qkv_bias = fields.flag("attention_bias");
    config.mlp_bias = fields.flag("mlp_bias");
    check_heads_make_hidden(fields, config);
    read_single_rotary(fields, config, {.theta = 100'000.0, .pairing = Rotary::Pairing::kInterleaved});
}

void read_ernie(const Json& json, DecoderConfig& config, Problems& problems) {
    ConfigFields fields(json, config_defaults(config.family), problems);
    read_llama_style(fields, config);
    config.qkv_bias = config.attention_output_bias = config.mlp_bias = fields.flag_or("use_bias", false);
    read_single_rotary(fields, config, {.theta = 500'000.0, .pairing = Rotary::Pairing::kInterleaved});
}

void read_hunyuan(const Json& json, DecoderConfig& config, Problems& problems) {
    ConfigFields fields(json, config_defaults(config.family), problems);
    read_llama_style(fields, config);
    config.qkv_bias = config.attention_output_bias = fields.flag("attention_bias");
    config.qk_norm = PerHeadNorm::kHead;
    config.qk_norm_after_rotary = true;
    fields.refuse_if("use_cla", "attention that shares keys and values among layers");
    // "dynamic" with an alpha stretches the base once and for all.
    RotaryRules rules;
    Json parameters = rotary_parameters(fields);
    const Json alpha = parameters.is_object() ? parameters.value("alpha", Json()) : Json();
    const bool dynamic = parameters.is_object() && (parameters.value("rope_type", Json()) == "dynamic" ||
                                                    parameters.value("type", Json()) == "dynamic");
    if (dynamic && alpha.is_number() && alpha.get<double>() > 0.0 && config.head_dim > 2) {
        const Json given = parameters.value("rope_theta", Json());
        const double theta = given.is_number() ? given.get<double>() : fields.number_or("rope_theta", rules.theta);
        const double width = static_cast<double>(config.head_dim);
        parameters = {{"rope_theta", theta * std::pow(alpha.get<double>(), width / (width - 2.0))}};
    }
    read_single_rotary(fields, config, std::move(parameters), rules);
}

void read_apertus(const Json& json, DecoderConfig& config, Problems& problems) {
    ConfigFields fields(json, config_defaults(config.family), problems);
    const bool xielu = fields.text("hidden_act") == "xielu";
    Json named = json;
    if (xielu) named["hidden_act"] = "silu";  // read_activation knows what needs no weights
    ConfigFields sizes(named, config_defaults(config.family), problems);
    read_llama_style(sizes, config);
    if (xielu) config.activation = Activation::kXielu;
    config.mlp = MlpKind::kPlain;
    config.qk_norm = PerHeadNorm::kHead;
    config.qkv_bias = config.attention_output_bias = fields.flag("attention_bias");
    Json parameters = rotary_parameters(fields);
    if (parameters.is_null()) {
        parameters = {{"rope_type", "llama3"},  {"rope_theta", 12'000'000.0},
                      {"factor", 8.0},          {"original_max_position_embeddings", 8192},
                      {"low_freq_factor", 1.0}, {"high_freq_factor", 4.0}};
    }
    read_single_rotary(fields, config, std::move(parameters), {.theta = 12'000'000.0});
}

constexpr std::array kHunyuanNames =
    renamed(kLlamaNames, std::array{NamePattern{kQueryNorm, "layers.{}.self_attn.query_layernorm.weight"},
                                    NamePattern{kKeyNorm, "layers.{}.self_attn.key_layernorm.weight"}});
constexpr std::array kApertusNames =
    renamed(kLlamaNames, std::array{NamePattern{kAttentionNorm, "layers.{}.attention_layernorm.weight"},
                                    NamePattern{kMlpNorm, "layers.{}.feedforward_layernorm.weight"}});

constexpr std::array kLlamaFamilies = {
    Family{"llama", read_llama, "model.", kLlamaNames},
    Family{"mistral", read_mistral, "model.", kLlamaNames},
    Family{"ministral", read_ministral, "model.", kLlamaNames},
    Family{"qwen2", read_qwen2, "model.", kLlamaNames},
    Family{"qwen3", read_qwen3, "model.", kLlamaNames},
    Family{"seed_oss", read_seed_oss, "model.", kLlamaNames},
    Family{"arcee", read_arcee, "model.", kLlamaNames},
    Family{"granite", read_granite, "model.", kLlamaNames},
    Family{"smollm3", read_smollm3, "model.", kLlamaNames},
    Family{"helium", read_helium, "model.", kLlamaNames},
    Family{"ernie4_5", read_ernie, "model.", kLlamaNames},
    Family{"hunyuan_v1_dense", read_hunyuan, "model.", kHunyuanNames},
    Family{"apertus", read_apertus, "model.", kApertusNames},
};

}  // namespace

std::span<const Family> llama_families() { return kLlamaFamilies; }

}  // namespace nepenthe::model
