#include "model/family_readers.h"

#include "model/config_defaults.h"
#include "model/config_fields.h"

#include <algorithm>
#include <cmath>

namespace nepenthe::model {

namespace {

// The string itself, "" for anything else.
std::string text_of(const Json& value) { return value.is_string() ? value.get<std::string>() : std::string(); }

double inverse_root(std::int64_t size) { return size > 0 ? 1.0 / std::sqrt(static_cast<double>(size)) : 0.0; }

// Heads that share the hidden size evenly, all with keys of their own.
void set_even_heads(ConfigFields& fields, DecoderConfig& config, std::int64_t heads) {
    config.heads = config.kv_heads = heads;
    if (heads > 0 && config.hidden % heads != 0) {
        fields.problems().add("hidden size {} is not a multiple of {} attention heads", config.hidden, heads);
    }
    config.head_dim = heads > 0 ? config.hidden / heads : 0;
    config.attention_scale = inverse_root(config.head_dim);
}

void set_all_windows(DecoderConfig& config, std::int64_t window) {
    config.window_of.assign(static_cast<std::size_t>(config.layers), window);
}

// Layer norm, plain MLP with biases: what the GPT line has in common.
void set_gpt_style(DecoderConfig& config) {
    config.norm = NormKind::kLayerNorm;
    config.mlp = MlpKind::kPlain;
    config.mlp_bias = true;
}

// Sizes and options that Llama and its relatives spell alike.
void read_llama_style(ConfigFields& fields, DecoderConfig& config, const char* epsilon = "rms_norm_eps",
                      const char* activation = "hidden_act") {
    config.vocabulary = fields.size("vocab_size");
    config.hidden = fields.size("hidden_size");
    config.layers = fields.layers("num_hidden_layers");
    config.intermediate = fields.size("intermediate_size");
    config.heads = fields.size("num_attention_heads");
    config.kv_heads = fields.size_or("num_key_value_heads", config.heads);
    config.max_positions = fields.size("max_position_embeddings");
    if (config.heads > 0 && fields.find("head_dim") == nullptr && config.hidden % config.heads != 0) {
        fields.problems().add("hidden size {} is not a multiple of {} attention heads and no head_dim is given",
                              config.hidden, config.heads);
    }
    config.head_dim = fields.size_or("head_dim", config.heads > 0 ? config.hidden / config.heads : 0);
    config.attention_scale = inverse_root(config.head_dim);
    config.norm_epsilon = fields.number(epsilon);
    config.activation = read_activation(fields, activation);
    config.tied = fields.flag("tie_word_embeddings");
    set_all_windows(config, 0);
}

// layer_types: one of "full_attention", "sliding_attention" a layer. False where the key is absent.
bool read_layer_types(ConfigFields& fields, DecoderConfig& config, std::int64_t window) {
    const Json* types = fields.find("layer_types");
    if (types == nullptr) {
        return false;
    }
    if (!types->is_array() || types->size() != static_cast<std::size_t>(config.layers)) {
        fields.problems().add("\"layer_types\" must list one kind of attention for each of the {} layers",
                              config.layers);
        return true;
    }
    for (std::size_t layer = 0; layer < types->size(); ++layer) {
        const Json& type = (*types)[layer];
        if (text_of(type) == "sliding_attention") {
            config.window_of[layer] = window;
            if (window == 0) {
                fields.problems().add("layer {} slides its attention but \"sliding_window\" is not set", layer);
            }
        } else if (text_of(type) != "full_attention") {
            fields.problems().add("layer {}: attention of type {} is not supported", layer, type.dump());
        }
    }
    return true;
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

}  // namespace

void read_gpt2(const Json& json, DecoderConfig& config, Problems& problems) {
    ConfigFields fields(json, config_defaults(config.family), problems);
    set_gpt_style(config);
    config.vocabulary = fields.size("vocab_size");
    config.hidden = fields.size("n_embd");
    config.layers = fields.layers("n_layer");
    config.max_positions = fields.size("n_positions");
    config.intermediate = fields.size_or("n_inner", 4 * config.hidden);
    set_even_heads(fields, config, fields.size("n_head"));
    config.norm_epsilon = fields.number("layer_norm_epsilon");
    config.activation = read_activation(fields, "activation_function");
    config.qkv_bias = config.attention_output_bias = true;
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
    config.layers = fields.layers("num_layers");
    config.max_positions = fields.size("max_position_embeddings");
    config.intermediate = fields.size_or("intermediate_size", 4 * config.hidden);
    set_even_heads(fields, config, fields.size("num_heads"));
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
    config.hidden = fields.size("n_embd");
    config.layers = fields.layers("n_layer");
    config.max_positions = fields.size("n_positions");
    config.intermediate = fields.size_or("n_inner", 4 * config.hidden);
    set_even_heads(fields, config, fields.size("n_head"));
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
    const Json* parameters = fields.find("rope_scaling");
    if (parameters == nullptr) {
        parameters = fields.find("rope_parameters");
    }
    const double theta = fields.number_or("rotary_emb_base", 10000.0);
    const double share = fields.number_or("rotary_pct", 0.25);
    config.rotaries = {read_rotary(parameters, theta, share, config, problems)};
    config.rotary_of.assign(static_cast<std::size_t>(config.layers), 0);
    set_all_windows(config, 0);
}

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

void read_phi(const Json& json, DecoderConfig& config, Problems& problems) {
    ConfigFields fields(json, config_defaults(config.family), problems);
    read_llama_style(fields, config, "layer_norm_eps");
    set_gpt_style(config);
    config.residual = Residual::kParallelOneNorm;
    config.qkv_bias = config.attention_output_bias = true;
    config.head_bias = true;
    if (fields.flag("qk_layernorm")) {
        fields.refuse("qk_layernorm", "a layer norm of queries and keys");
    }
    read_single_rotary(fields, config, 0.5);
}

void read_olmo2(const Json& json, DecoderConfig& config, Problems& problems) {
    ConfigFields fields(json, config_defaults(config.family), problems);
    read_llama_style(fields, config);
    config.norm_place = NormPlace::kPost;
    config.qk_norm = PerHeadNorm::kAllHeads;
    config.qkv_bias = config.attention_output_bias = fields.flag("attention_bias");
    read_single_rotary(fields, config);
}

void read_gemma3(const Json& json, DecoderConfig& config, Problems& problems) {
    ConfigFields fields(json, config_defaults(config.family), problems);
    read_llama_style(fields, config, "rms_norm_eps", "hidden_activation");
    config.norm = NormKind::kRmsOnePlus;
    config.norm_place = NormPlace::kPrePost;
    config.qk_norm = PerHeadNorm::kHead;
    config.qkv_bias = config.attention_output_bias = fields.flag("attention_bias");
    const double scalar = fields.number("query_pre_attn_scalar");
    config.attention_scale = scalar > 0.0 ? 1.0 / std::sqrt(scalar) : 0.0;
    config.embedding_scale = std::sqrt(static_cast<double>(config.hidden));
    config.attention_soft_cap = fields.number_or("attn_logit_softcapping", 0.0);
    config.logit_soft_cap = fields.number_or("final_logit_softcapping", 0.0);
    if (fields.flag("use_bidirectional_attention")) {
        fields.refuse("use_bidirectional_attention", "attention to later tokens");
    }
    const std::int64_t window = fields.size_or("sliding_window", 0);
    if (!read_layer_types(fields, config, window)) {
        const std::int64_t pattern = std::max<std::int64_t>(
            1, fields.size_or("sliding_window_pattern", fields.size_or("_sliding_window_pattern", 6)));
        for (std::int64_t layer = 0; layer < config.layers; ++layer) {
            config.window_of[static_cast<std::size_t>(layer)] = (layer + 1) % pattern != 0 ? window : 0;
        }
    }
    // Table 0 turns the global layers, table 1 the local ones; only the global one may be scaled in the old spelling.
    const Json* parameters = fields.find("rope_parameters");
    const auto nested = [&](const char* key) -> const Json* {
        if (parameters == nullptr || !parameters->is_object() || !parameters->contains(key) ||
            (*parameters)[key].is_null()) {
            return nullptr;
        }
        return &(*parameters)[key];
    };
    const Json* global = nested("full_attention");
    const double global_theta = fields.number_or("rope_theta", 1'000'000.0);
    const double local_theta = fields.number_or("rope_local_base_freq", 10'000.0);
    config.rotaries = {
        read_rotary(global != nullptr ? global : fields.find("rope_scaling"), global_theta, 1.0, config, problems),
        read_rotary(nested("sliding_attention"), local_theta, 1.0, config, problems)};
    for (const std::int64_t layer_window : config.window_of) {
        config.rotary_of.push_back(layer_window > 0 ? 1 : 0);
    }
}

}  // namespace nepenthe::model
