#include "model/family/config_defaults.h"
#include "model/family/families.h"
#include "model/family/rotary_fields.h"
#include "model/family/shared_names.h"
#include "model/family/shared_readers.h"

#include <array>

namespace nepenthe::model {

namespace {

void read_phi3(const Json& json, DecoderConfig& config, Problems& problems) {
    ConfigFields fields(json, config_defaults(config.family), problems);
    read_llama_style(fields, config);
    config.qkv = QkvLayout::kConcatenated;
    config.fused_gate_up = true;
    set_all_windows(config, fields.size_or("sliding_window", 0));
    Json parameters = rotary_parameters(fields);
    for (const char* key : {"rope_type", "type"}) {
        const std::string name = parameters.is_object() ? text_of(parameters.value(key, Json())) : "";
        if (name == "su" || name == "yarn") parameters[key] = "longrope";
    }
    read_single_rotary(fields, config, std::move(parameters), {.partial = true});
}

void read_glm(const Json& json, DecoderConfig& config, Problems& problems) {
    ConfigFields fields(json, config_defaults(config.family), problems);
    read_llama_style(fields, config);
    config.fused_gate_up = true;
    config.qkv_bias = fields.flag("attention_bias");
    read_single_rotary(fields, config, {.share = 0.5, .partial = true, .pairing = Rotary::Pairing::kInterleaved});
}

void read_glm4(const Json& json, DecoderConfig& config, Problems& problems) {
    read_glm(json, config, problems);
    config.norm_place = NormPlace::kPrePost;
}

constexpr std::array kFusedFamilies = {
    Family{"phi3", read_phi3, "model.", kLlamaNames},
    Family{"glm", read_glm, "model.", kLlamaNames},
    Family{"glm4", read_glm4, "model.", kLlamaNames},
};

}  // namespace

std::span<const Family> fused_families() { return kFusedFamilies; }

}  // namespace nepenthe::model
