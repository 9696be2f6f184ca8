// What a config.json leaves out is what transformers stands in: tests/golden/make_config_defaults.py asked its classes.
#include "model/family/config_defaults.h"

#include "io/file.h"
#include "model/family/config.h"

#include <gtest/gtest.h>

namespace nepenthe::model {
namespace {

const Json& golden() {
    static const Json json = [] {
        const std::string path = NEPENTHE_SOURCE_DIR "/tests/golden/config_defaults.json";
        return parse_json(io::read_file(path), path);
    }();
    return json;
}

Json described(const Rotary& rotary) {
    return {rotary.theta,
            rotary.dims,
            static_cast<int>(rotary.pairing),
            static_cast<int>(rotary.scaling),
            rotary.factor,
            rotary.low_freq_factor,
            rotary.high_freq_factor,
            rotary.original_positions,
            rotary.beta_fast,
            rotary.beta_slow,
            rotary.attention_factor,
            rotary.mscale,
            rotary.mscale_all_dim,
            rotary.truncate,
            rotary.short_factors,
            rotary.long_factors};
}

// Everything but where it came from.
Json described(const DecoderConfig& c) {
    Json rotaries = Json::array();
    for (const Rotary& rotary : c.rotaries) rotaries.push_back(described(rotary));
    return {
        {"family", c.family},
        {"sizes", {c.vocabulary, c.hidden, c.layers, c.intermediate, c.heads, c.kv_heads, c.head_dim, c.max_positions}},
        {"norm",
         {static_cast<int>(c.norm), static_cast<int>(c.norm_place), c.norm_epsilon, static_cast<int>(c.qk_norm),
          static_cast<int>(c.qk_norm_kind), c.norm_weight, c.norm_bias, c.final_norm, c.embedding_norm}},
        {"biases", {c.qkv_bias, c.attention_output_bias, c.mlp_bias, c.head_bias}},
        {"kinds",
         {static_cast<int>(c.residual), static_cast<int>(c.mlp), static_cast<int>(c.activation),
          static_cast<int>(c.positions), static_cast<int>(c.qkv), c.fused_gate_up, c.position_offset}},
        {"alibi", {c.alibi.slopes, c.alibi.in_bfloat16, c.alibi.scale}},
        {"rotaries", rotaries},
        {"rotary_of", c.rotary_of},
        {"window_of", c.window_of},
        {"scales",
         {c.attention_scale, c.embedding_scale, c.attention_soft_cap, c.logit_soft_cap, c.logit_scale,
          c.residual_multiplier, c.qkv_clip}},
        {"tied", c.tied}};
}

TEST(ConfigDefaults, AreThoseOfTheClasses) {
    for (const std::string& family : supported_families()) {
        const Json& ours = config_defaults(family);
        EXPECT_FALSE(ours.empty()) << family;
        for (const auto& [key, value] : ours.items()) {
            if (key == "attention_types") continue;  // derived in the class; the configurations below cover it
            EXPECT_EQ(value, golden().at("classes").at(family).at(key)) << family << " " << key;
        }
    }
    EXPECT_TRUE(config_defaults("unknown").empty());
}

TEST(ConfigDefaults, AShortenedConfigurationIsReadAsTransformersReadsIt) {
    int wrapped = 0;
    for (const Json& item : golden().at("configs")) {
        SCOPED_TRACE(item["given"].dump());
        const DecoderConfig given = parse_config(item["given"]), full = parse_config(item["full"]);
        EXPECT_EQ(described(given).dump(1), described(full).dump(1));
        wrapped += given.wrapper == "gemma3" ? 1 : 0;
    }
    EXPECT_GT(wrapped, 3);
    EXPECT_GT(golden().at("configs").size(), 100u);
}

TEST(ConfigDefaults, OfATextPartTheWholeModelDecidesAboutHeadAndDtype) {
    Json json = {{"model_type", "gemma3"}, {"torch_dtype", "bfloat16"}, {"tie_word_embeddings", false}};
    DecoderConfig config = parse_config(json);
    EXPECT_EQ(config.family, "gemma3_text");
    EXPECT_EQ(config.wrapper, "gemma3");
    EXPECT_EQ(config.checkpoint_dtype, "bfloat16");
    EXPECT_FALSE(config.tied);
    EXPECT_EQ(config.source["architectures"], Json::array({"Gemma3ForCausalLM"}));
    json["text_config"] = {{"model_type", "gemma3_text"}, {"dtype", "float32"}, {"hidden_size", 32}};
    json.erase("tie_word_embeddings");
    config = parse_config(json);
    EXPECT_EQ(config.checkpoint_dtype, "float32");
    EXPECT_EQ(config.hidden, 32);
    EXPECT_TRUE(config.tied);
    json["text_config"] = 3;
    EXPECT_ANY_THROW(parse_config(json));
    json["text_config"] = {{"model_type", "mamba"}};
    EXPECT_ANY_THROW(parse_config(json));
}

}  // namespace
}  // namespace nepenthe::model
