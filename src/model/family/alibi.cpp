#include "base/log.h"
#include "model/family/config_defaults.h"
#include "model/family/families.h"
#include "model/family/rotary_fields.h"
#include "model/family/shared_readers.h"

#include <array>
#include <bit>
#include <cmath>

namespace nepenthe::model {

namespace {

using enum Role;

// The steepest slope is 2 to the power of minus this over the number of heads.
constexpr double kMostBias = 8.0;

// Slopes in fp32, as the implementations have them.
double slope(double exponent) { return static_cast<double>(static_cast<float>(std::exp2(-exponent))); }

// Press et al.'s: a geometric series for a power of two; for other numbers of heads every other slope of the series of
// the next power of two follows.
std::vector<double> geometric_slopes(std::int64_t heads) {
    std::vector<double> slopes;
    const auto power = static_cast<std::int64_t>(std::bit_floor(static_cast<std::uint64_t>(heads)));
    for (std::int64_t i = 1; i <= power; ++i) {
        slopes.push_back(slope(kMostBias * static_cast<double>(i) / static_cast<double>(power)));
    }
    for (std::int64_t i = 1; std::ssize(slopes) < heads; i += 2) {
        slopes.push_back(slope(kMostBias / 2.0 * static_cast<double>(i) / static_cast<double>(power)));
    }
    return slopes;
}

// MPT's: of the series of the next power of two first every other slope from the second on, then those between.
std::vector<double> interleaved_slopes(std::int64_t heads) {
    const auto power = static_cast<std::int64_t>(std::bit_ceil(static_cast<std::uint64_t>(heads)));
    std::vector<double> series;
    for (std::int64_t i = 1; i <= power; ++i) {
        series.push_back(slope(static_cast<double>(i) * kMostBias / static_cast<double>(power)));
    }
    if (power == heads) return series;
    std::vector<double> slopes;
    for (const std::size_t first : {std::size_t{1}, std::size_t{0}}) {
        for (std::size_t i = first; i < series.size() && std::ssize(slopes) < heads; i += 2)
            slopes.push_back(series[i]);
    }
    return slopes;
}

void read_bloom(const Json& json, DecoderConfig& config, Problems& problems) {
    ConfigFields fields(json, config_defaults(config.family), problems);
    set_gpt_style(config);
    config.vocabulary = fields.size("vocab_size");
    config.hidden = fields.size(fields.spelled({"n_embed", "hidden_size"}));
    config.layers = fields.layers(fields.spelled({"n_layer", "num_hidden_layers"}));
    config.intermediate = 4 * config.hidden;
    config.max_positions = fields.size_or("seq_length", 2048);  // nothing but training set a limit
    set_even_heads(fields, config, fields.size(fields.spelled({"n_head", "num_attention_heads"})));
    config.norm_epsilon = fields.number("layer_norm_epsilon");
    config.embedding_norm = true;
    config.activation = Activation::kGeluTanh;
    config.qkv = QkvLayout::kInterleaved;
    config.qkv_bias = config.attention_output_bias = true;
    config.positions = Positions::kAlibi;
    if (config.heads > 0) config.alibi.slopes = geometric_slopes(config.heads);
    config.tied = fields.flag("tie_word_embeddings");
    fields.refuse_if("apply_residual_connection_post_layernorm", "a residual stream that starts behind the norm");
    set_all_windows(config, 0);
}

void read_mpt(const Json& json, DecoderConfig& config, Problems& problems) {
    ConfigFields fields(json, config_defaults(config.family), problems);
    const Json attention_json = json.value("attn_config", Json()).is_object() ? json["attn_config"] : Json::object();
    const Json attention_defaults = {{"attn_type", "multihead_attention"}, {"alibi", true}};
    ConfigFields attention(attention_json, attention_defaults, problems);
    set_gpt_style(config);
    config.norm_bias = config.mlp_bias = false;
    config.vocabulary = fields.size("vocab_size");
    config.hidden = fields.size(fields.spelled({"d_model", "hidden_size"}));
    config.layers = fields.layers(fields.spelled({"n_layers", "num_hidden_layers"}));
    config.intermediate = 4 * config.hidden;  // whatever "expansion_ratio" says, in transformers
    config.max_positions = fields.size("max_seq_len");
    set_even_heads(fields, config, fields.size(fields.spelled({"n_heads", "num_attention_heads"})));
    config.norm_epsilon = fields.number("layer_norm_epsilon");
    config.activation = Activation::kGeluErf;
    config.qkv = QkvLayout::kConcatenated;
    config.qkv_clip = attention.number_or("clip_qkv", 0.0);
    config.attention_scale = attention.number_or("softmax_scale", config.attention_scale);
    config.positions = Positions::kAlibi;
    if (config.heads > 0) config.alibi.slopes = interleaved_slopes(config.heads);
    if (const double most = attention.number_or("alibi_bias_max", kMostBias); most != kMostBias) {
        log_warning("\"alibi_bias_max\" of config.json is {}; {} is taken, as in transformers", most, kMostBias);
    }
    config.tied = fields.flag("tie_word_embeddings");
    if (!attention.flag("alibi")) attention.refuse("alibi", "attention without ALiBi in this family");
    if (attention.text("attn_type") != "multihead_attention")
        attention.refuse("attn_type", "another kind of attention");
    attention.refuse_if("qk_ln", "a norm of queries and keys in this family");
    attention.refuse_if("prefix_lm", "attention to later tokens");
    attention.refuse_if("attn_uses_sequence_id", "attention within marked sequences");
    if (fields.find("logit_scale") != nullptr) fields.refuse("logit_scale", "a scale of the logits in this family");
    const std::string norm = fields.text("norm_type");
    if (norm != "low_precision_layernorm" && norm != "layernorm") fields.refuse("norm_type", norm);
    set_all_windows(config, 0);
}

// Which norms a block has, and how they stand.
void read_falcon_residual(ConfigFields& fields, DecoderConfig& config, bool grouped) {
    const bool parallel = fields.flag_or("parallel_attn", false);
    const std::int64_t norms = fields.size_or("num_ln_in_parallel_attn", grouped ? 2 : 1);
    config.residual = !parallel    ? Residual::kSequential
                      : norms == 2 ? Residual::kParallelTwoNorms
                                   : Residual::kParallelOneNorm;
    if (grouped && !parallel) fields.refuse("parallel_attn", "a sequential block of the new architecture");
    if (parallel && norms == 2 && !grouped) {
        fields.refuse("num_ln_in_parallel_attn", "a second norm in a block of the old architecture");
    }
}

void read_falcon(const Json& json, DecoderConfig& config, Problems& problems) {
    ConfigFields fields(json, config_defaults(config.family), problems);
    set_gpt_style(config);
    config.vocabulary = fields.size("vocab_size");
    config.hidden = fields.size(fields.spelled({"n_embed", "hidden_size"}));
    config.layers = fields.layers("num_hidden_layers");
    config.intermediate = fields.size_or("ffn_hidden_size", 4 * config.hidden);
    config.max_positions = fields.size("max_position_embeddings");
    set_even_heads(fields, config, fields.size("num_attention_heads"));
    const bool grouped = fields.flag_or("new_decoder_architecture", false);
    const std::int64_t kv_heads = fields.size_or("num_kv_heads", config.heads);
    config.qkv = QkvLayout::kInterleaved;
    if (grouped) {
        config.kv_heads = kv_heads;
    } else if (fields.flag_or("multi_query", false)) {
        config.kv_heads = 1;
        config.qkv = QkvLayout::kConcatenated;
    } else if (kv_heads != config.heads) {
        fields.refuse("num_kv_heads", "shared keys and values in the old architecture");
    }
    read_falcon_residual(fields, config, grouped);
    config.norm_epsilon = fields.number("layer_norm_epsilon");
    config.activation = read_activation(fields, "activation");
    config.qkv_bias = config.attention_output_bias = config.mlp_bias = fields.flag_or("bias", false);
    config.tied = fields.flag("tie_word_embeddings");
    set_all_windows(config, 0);
    if (!fields.flag_or("alibi", false)) {
        read_single_rotary(fields, config);
        return;
    }
    config.positions = Positions::kAlibi;
    config.alibi.in_bfloat16 = true;
    config.alibi.scale = config.attention_scale;  // the biases are added before the scores are scaled
    if (config.heads > 0) config.alibi.slopes = geometric_slopes(config.heads);
}

bool has_two_norms(const DecoderConfig& config) { return config.residual == Residual::kParallelTwoNorms; }
bool has_one_place(const DecoderConfig& config) { return !has_two_norms(config); }

constexpr std::array kBloomNames = {
    NamePattern{kEmbedding, "word_embeddings.weight"},
    NamePattern{kEmbeddingNorm, "word_embeddings_layernorm.weight"},
    NamePattern{kEmbeddingNormBias, "word_embeddings_layernorm.bias"},
    NamePattern{kAttentionNorm, "h.{}.input_layernorm.weight", has_one_place},
    NamePattern{kAttentionNormBias, "h.{}.input_layernorm.bias", has_one_place},
    NamePattern{kAttentionNorm, "h.{}.ln_attn.weight", has_two_norms},
    NamePattern{kAttentionNormBias, "h.{}.ln_attn.bias", has_two_norms},
    NamePattern{kQkv, "h.{}.self_attention.query_key_value.weight"},
    NamePattern{kQkvBias, "h.{}.self_attention.query_key_value.bias"},
    NamePattern{kAttentionOutput, "h.{}.self_attention.dense.weight"},
    NamePattern{kAttentionOutputBias, "h.{}.self_attention.dense.bias"},
    NamePattern{kMlpNorm, "h.{}.post_attention_layernorm.weight", has_one_place},
    NamePattern{kMlpNormBias, "h.{}.post_attention_layernorm.bias", has_one_place},
    NamePattern{kMlpNorm, "h.{}.ln_mlp.weight", has_two_norms},
    NamePattern{kMlpNormBias, "h.{}.ln_mlp.bias", has_two_norms},
    NamePattern{kUp, "h.{}.mlp.dense_h_to_4h.weight"},
    NamePattern{kUpBias, "h.{}.mlp.dense_h_to_4h.bias"},
    NamePattern{kDown, "h.{}.mlp.dense_4h_to_h.weight"},
    NamePattern{kDownBias, "h.{}.mlp.dense_4h_to_h.bias"},
    NamePattern{kFinalNorm, "ln_f.weight"},
    NamePattern{kFinalNormBias, "ln_f.bias"},
    NamePattern{kHead, "lm_head.weight"},
};

constexpr std::array kMptNames = {
    NamePattern{kEmbedding, "wte.weight"},
    NamePattern{kAttentionNorm, "blocks.{}.norm_1.weight"},
    NamePattern{kQkv, "blocks.{}.attn.Wqkv.weight"},
    NamePattern{kAttentionOutput, "blocks.{}.attn.out_proj.weight"},
    NamePattern{kMlpNorm, "blocks.{}.norm_2.weight"},
    NamePattern{kUp, "blocks.{}.ffn.up_proj.weight"},
    NamePattern{kDown, "blocks.{}.ffn.down_proj.weight"},
    NamePattern{kFinalNorm, "norm_f.weight"},
    NamePattern{kHead, "lm_head.weight"},
};

constexpr std::array kAlibiFamilies = {
    Family{"bloom", read_bloom, "transformer.", kBloomNames},
    Family{"falcon", read_falcon, "transformer.", kBloomNames},
    Family{"mpt", read_mpt, "transformer.", kMptNames},
};

}  // namespace

std::span<const Family> alibi_families() { return kAlibiFamilies; }

}  // namespace nepenthe::model
