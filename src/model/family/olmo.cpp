#include "model/family/config_defaults.h"
#include "model/family/families.h"
#include "model/family/rotary_fields.h"
#include "model/family/shared_names.h"
#include "model/family/shared_readers.h"

#include <array>

namespace nepenthe::model {

namespace {

void read_olmo(const Json& json, DecoderConfig& config, Problems& problems) {
    ConfigFields fields(json, config_defaults(config.family), problems);
    read_llama_style(fields, config, nullptr);
    config.norm = NormKind::kLayerNorm;
    config.norm_weight = false;
    config.norm_epsilon = 1e-5;
    config.qkv_bias = config.attention_output_bias = fields.flag("attention_bias");
    config.qkv_clip = fields.number_or("clip_qkv", 0.0);
    read_single_rotary(fields, config);
}

void read_olmo2(const Json& json, DecoderConfig& config, Problems& problems) {
    ConfigFields fields(json, config_defaults(config.family), problems);
    read_llama_style(fields, config);
    config.norm_place = NormPlace::kPost;
    config.qk_norm = PerHeadNorm::kAllHeads;
    config.qkv_bias = config.attention_output_bias = fields.flag("attention_bias");
    read_single_rotary(fields, config);
}

// Rotary positions of the layers that see everything may be scaled, those of the others are not.
void read_olmo3(const Json& json, DecoderConfig& config, Problems& problems) {
    ConfigFields fields(json, config_defaults(config.family), problems);
    read_llama_style(fields, config);
    config.norm_place = NormPlace::kPost;
    config.qk_norm = PerHeadNorm::kAllHeads;
    config.qkv_bias = config.attention_output_bias = fields.flag("attention_bias");
    read_patterned_windows(fields, config, 4);
    constexpr double kTheta = 500'000.0;
    Json full, sliding;
    if (const Json* parameters = fields.find("rope_parameters"); parameters != nullptr && parameters->is_object()) {
        full = parameters->value("full_attention", Json());
        sliding = parameters->value("sliding_attention", Json());
        if (!parameters->empty() && full.is_null() && sliding.is_null()) {
            fields.refuse("rope_parameters", "one rotary table for both kinds of layers");
        }
    }
    if (const Json* old = fields.find("rope_scaling"); old != nullptr && old->is_object()) {
        if (full.is_null()) full = Json::object();
        full.update(*old);
    }
    // transformers gives the old rope_theta to the layers that see everything, and to them alone.
    config.rotaries = {read_rotary(full, {.theta = fields.number_or("rope_theta", kTheta)}, config, problems),
                       read_rotary(sliding, {.theta = kTheta}, config, problems)};
    for (const std::int64_t window : config.window_of) config.rotary_of.push_back(window > 0 ? 1 : 0);
}

// OLMo 2's norms; where some layers slide, the others are not rotated.
void read_exaone4(const Json& json, DecoderConfig& config, Problems& problems) {
    ConfigFields fields(json, config_defaults(config.family), problems);
    read_llama_style(fields, config);
    config.norm_place = NormPlace::kPost;
    config.qk_norm = PerHeadNorm::kHead;
    const bool slides = fields.find("sliding_window") != nullptr;
    const bool listed = fields.find("layer_types") != nullptr;
    read_patterned_windows(fields, config, slides && !listed ? fields.size_or("sliding_window_pattern", 0) : 0);
    read_single_rotary(fields, config);
    if (slides) rotate_sliding_layers_only(config);
}

constexpr std::array kOlmoFamilies = {
    Family{"olmo", read_olmo, "model.", kLlamaNames},
    Family{"olmo2", read_olmo2, "model.", kPostNormNames},
    Family{"olmo3", read_olmo3, "model.", kPostNormNames},
    Family{"exaone4", read_exaone4, "model.", kPostNormNames},
};

}  // namespace

std::span<const Family> olmo_families() { return kOlmoFamilies; }

}  // namespace nepenthe::model
