#include "model/family/config_defaults.h"
#include "model/family/families.h"
#include "model/family/rotary_fields.h"
#include "model/family/shared_names.h"
#include "model/family/shared_readers.h"

#include <array>
#include <cmath>

namespace nepenthe::model {

namespace {

void set_gemma_style(ConfigFields& fields, DecoderConfig& config) {
    config.norm = NormKind::kRmsOnePlus;
    config.embedding_scale = std::sqrt(static_cast<double>(config.hidden));
    config.qkv_bias = config.attention_output_bias = fields.flag("attention_bias");
    fields.refuse_if("use_bidirectional_attention", "attention to later tokens");
}

// From Gemma 2 on: norms on both sides, a scale of its own, soft caps.
void set_gemma_scales(ConfigFields& fields, DecoderConfig& config) {
    config.norm_place = NormPlace::kPrePost;
    const double scalar = fields.number("query_pre_attn_scalar");
    config.attention_scale = scalar > 0.0 ? 1.0 / std::sqrt(scalar) : 0.0;
    config.attention_soft_cap = fields.number_or("attn_logit_softcapping", 0.0);
    config.logit_soft_cap = fields.number_or("final_logit_softcapping", 0.0);
}

void read_gemma(const Json& json, DecoderConfig& config, Problems& problems) {
    ConfigFields fields(json, config_defaults(config.family), problems);
    read_llama_style(fields, config);
    // The first checkpoints say "gelu" and mean this.
    if (config.activation == Activation::kGeluErf) config.activation = Activation::kGeluTanh;
    set_gemma_style(fields, config);
    read_single_rotary(fields, config);
}

void read_gemma2(const Json& json, DecoderConfig& config, Problems& problems) {
    ConfigFields fields(json, config_defaults(config.family), problems);
    read_llama_style(fields, config, "rms_norm_eps", "hidden_activation");
    set_gemma_style(fields, config);
    set_gemma_scales(fields, config);
    read_patterned_windows(fields, config, 2);
    read_single_rotary(fields, config);
}

void read_gemma3(const Json& json, DecoderConfig& config, Problems& problems) {
    ConfigFields fields(json, config_defaults(config.family), problems);
    read_llama_style(fields, config, "rms_norm_eps", "hidden_activation");
    set_gemma_style(fields, config);
    set_gemma_scales(fields, config);
    config.qk_norm = PerHeadNorm::kHead;
    config.qk_norm_kind = NormKind::kRmsOnePlus;
    read_patterned_windows(fields, config,
                           fields.size_or("sliding_window_pattern", fields.size_or("_sliding_window_pattern", 6)));
    // Table 0 turns the global layers, table 1 the local ones; only the global one may be scaled in the old spelling.
    const double local_theta = fields.number_or("rope_local_base_freq", 10'000.0);
    const auto nested = [&](const char* key) {
        const Json* parameters = fields.find("rope_parameters");
        return parameters != nullptr && parameters->is_object() ? parameters->value(key, Json()) : Json();
    };
    Json global = nested("full_attention");
    if (const Json* old = fields.find("rope_scaling"); global.is_null() && old != nullptr) global = *old;
    config.rotaries = {read_rotary(global, {.theta = fields.number_or("rope_theta", 1'000'000.0)}, config, problems),
                       read_rotary(nested("sliding_attention"), {.theta = local_theta}, config, problems)};
    for (const std::int64_t layer_window : config.window_of) {
        config.rotary_of.push_back(layer_window > 0 ? 1 : 0);
    }
}

constexpr std::array kGemmaFamilies = {
    Family{"gemma", read_gemma, "model.", kLlamaNames},
    Family{"gemma2", read_gemma2, "model.", kPostNormNames},
    Family{"gemma3_text", read_gemma3, "model.", kPostNormNames},
};

}  // namespace

std::span<const Family> gemma_families() { return kGemmaFamilies; }

}  // namespace nepenthe::model
