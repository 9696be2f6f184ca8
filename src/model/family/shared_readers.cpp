#include "model/family/shared_readers.h"

#include <algorithm>
#include <cmath>

namespace nepenthe::model {

std::string text_of(const Json& value) { return value.is_string() ? value.get<std::string>() : std::string(); }

double inverse_root(std::int64_t size) { return size > 0 ? 1.0 / std::sqrt(static_cast<double>(size)) : 0.0; }

void set_even_heads(ConfigFields& fields, DecoderConfig& config, std::int64_t heads) {
    config.heads = config.kv_heads = heads;
    if (heads > 0 && config.hidden % heads != 0) {
        fields.problems().add("hidden size {} is not a multiple of {} attention heads", config.hidden, heads);
    }
    config.head_dim = heads > 0 ? config.hidden / heads : 0;
    config.attention_scale = inverse_root(config.head_dim);
}

void check_heads_make_hidden(ConfigFields& fields, const DecoderConfig& config) {
    if (config.heads * config.head_dim == config.hidden) return;
    fields.problems().add("{} heads of width {} do not make the hidden size {}", config.heads, config.head_dim,
                          config.hidden);
}

void set_all_windows(DecoderConfig& config, std::int64_t window) {
    config.window_of.assign(static_cast<std::size_t>(config.layers), window);
}

void set_gpt_style(DecoderConfig& config) {
    config.norm = NormKind::kLayerNorm;
    config.mlp = MlpKind::kPlain;
    config.mlp_bias = true;
}

void read_llama_style(ConfigFields& fields, DecoderConfig& config, const char* epsilon, const char* activation) {
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
    if (epsilon != nullptr) config.norm_epsilon = fields.number(epsilon);
    config.activation = read_activation(fields, activation);
    config.tied = fields.flag("tie_word_embeddings");
    set_all_windows(config, 0);
}

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

void read_patterned_windows(ConfigFields& fields, DecoderConfig& config, std::int64_t pattern) {
    const std::int64_t window = fields.size_or("sliding_window", 0);
    if (read_layer_types(fields, config, window) || pattern <= 0) return;
    for (std::int64_t layer = 0; layer < config.layers; ++layer) {
        config.window_of[static_cast<std::size_t>(layer)] = (layer + 1) % pattern != 0 ? window : 0;
    }
    if (window == 0 && pattern > 1) {
        fields.problems().add("layers slide their attention but \"sliding_window\" is not set");
    }
}

void rotate_sliding_layers_only(DecoderConfig& config) {
    for (std::size_t layer = 0; layer < config.rotary_of.size() && layer < config.window_of.size(); ++layer) {
        if (config.window_of[layer] == 0) config.rotary_of[layer] = -1;
    }
}

}  // namespace nepenthe::model
