#include "model/family/config.h"

#include "base/error.h"
#include "expected_errors.h"
#include "model/family/families.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

namespace nepenthe::model {
namespace {

Json llama() {
    return {{"model_type", "llama"},   {"vocab_size", 32},         {"hidden_size", 16},       {"num_hidden_layers", 2},
            {"intermediate_size", 24}, {"num_attention_heads", 4}, {"num_key_value_heads", 2}};
}

std::string refusal(const Json& json) {
    try {
        parse_config(json);
    } catch (const Error& error) {
        EXPECT_EQ(error.kind(), ErrorKind::kData);
        return error.what();
    }
    return "";
}

TEST(Config, ReadsOldAndNewSpellingsOfRotaryPositions) {
    Json old = llama(), current = llama();
    old["rope_theta"] = 500000.0;
    old["rope_scaling"] = {{"type", "linear"}, {"factor", 4.0}};
    current["rope_parameters"] = {{"rope_type", "linear"}, {"factor", 4.0}, {"rope_theta", 500000.0}};
    for (const Json& json : {old, current}) {
        const DecoderConfig config = parse_config(json);
        ASSERT_EQ(config.rotaries.size(), 1u);
        EXPECT_EQ(config.rotaries[0].scaling, Rotary::Scaling::kLinear);
        EXPECT_EQ(config.rotaries[0].factor, 4.0);
        EXPECT_EQ(config.rotaries[0].theta, 500000.0);
    }
}

TEST(Config, ReadsTheDtypeUnderBothNames) {
    Json json = llama();
    json["torch_dtype"] = "bfloat16";
    EXPECT_EQ(parse_config(json).checkpoint_dtype, "bfloat16");
    json.erase("torch_dtype");
    json["dtype"] = "float16";
    EXPECT_EQ(parse_config(json).checkpoint_dtype, "float16");
}

TEST(Config, ReadsGemmaInTheOldSpelling) {
    const Json json = {{"model_type", "gemma3_text"}, {"vocab_size", 32},
                       {"hidden_size", 16},           {"num_hidden_layers", 7},
                       {"intermediate_size", 24},     {"num_attention_heads", 4},
                       {"num_key_value_heads", 1},    {"head_dim", 8},
                       {"rope_theta", 1e6},           {"rope_local_base_freq", 1e4},
                       {"sliding_window", 5},         {"rope_scaling", {{"rope_type", "linear"}, {"factor", 8.0}}},
                       {"sliding_window_pattern", 3}};
    const DecoderConfig config = parse_config(json);
    EXPECT_EQ(config.window_of, (std::vector<std::int64_t>{5, 5, 0, 5, 5, 0, 5}));
    EXPECT_EQ(config.rotary_of, (std::vector<std::int32_t>{1, 1, 0, 1, 1, 0, 1}));
    EXPECT_EQ(config.rotaries[0].theta, 1e6);
    EXPECT_EQ(config.rotaries[0].scaling, Rotary::Scaling::kLinear);
    EXPECT_EQ(config.rotaries[1].theta, 1e4);
    EXPECT_EQ(config.rotaries[1].scaling, Rotary::Scaling::kNone);
    EXPECT_TRUE(config.tied);
}

TEST(Config, GptNeoRepeatsItsAttentionTypes) {
    Json json = {{"model_type", "gpt_neo"}, {"vocab_size", 32}, {"hidden_size", 16},
                 {"num_layers", 3},         {"num_heads", 4},   {"window_size", 5}};
    json["attention_types"] = Json::parse(R"([[["global", "local"], 1], [["local"], 1]])");
    EXPECT_EQ(parse_config(json).window_of, (std::vector<std::int64_t>{0, 5, 5}));
    json["num_layers"] = 4;
    EXPECT_TRUE(nepenthe::testing::mentions(refusal(json), "describes 3 layers"));
}

TEST(Config, MistralsNullWindowMeansNone) {
    Json json = llama();
    json["model_type"] = "mistral";
    json["sliding_window"] = nullptr;
    EXPECT_EQ(parse_config(json).window_of, (std::vector<std::int64_t>{0, 0}));
    json["sliding_window"] = 7;
    EXPECT_EQ(parse_config(json).window_of, (std::vector<std::int64_t>{7, 7}));
}

TEST(Config, QwenSlidesOnlyWhenSwitchedOn) {
    Json json = llama();
    json["model_type"] = "qwen2";
    json["sliding_window"] = 7;
    json["max_window_layers"] = 1;
    EXPECT_EQ(parse_config(json).window_of, (std::vector<std::int64_t>{0, 0}));
    json["use_sliding_window"] = true;
    EXPECT_EQ(parse_config(json).window_of, (std::vector<std::int64_t>{0, 7}));
}

TEST(Config, NamesTheKnownFamiliesForAnUnknownOne) {
    Json json = llama();
    json["model_type"] = "lama";
    const std::string text = refusal(json);
    EXPECT_TRUE(nepenthe::testing::mentions(text, "did you mean \"llama\"")) << text;
    EXPECT_TRUE(nepenthe::testing::mentions(text, "gpt_neox")) << text;
    EXPECT_GE(supported_families().size(), 37u);
    EXPECT_TRUE(nepenthe::testing::mentions(refusal(Json::object()), "model_type"));
    EXPECT_TRUE(nepenthe::testing::mentions(refusal(Json::array()), "model_type"));
}

TEST(Config, RefusesUnknownRotaryScaling) {
    Json json = llama();
    json["rope_scaling"] = {{"rope_type", "proportional"}, {"factor", 4.0}};
    EXPECT_TRUE(nepenthe::testing::mentions(refusal(json), "proportional"));
    json["rope_scaling"] = {{"rope_type", "longrope"}, {"factor", 4.0}, {"short_factor", {1.0}}};
    for (const char* part : {"short_factor", "long_factor"})
        EXPECT_TRUE(nepenthe::testing::mentions(refusal(json), part));
    json["rope_scaling"] = {{"rope_type", "linear"}};
    EXPECT_TRUE(nepenthe::testing::mentions(refusal(json), "factor"));
    json["rope_scaling"] = "linear";
    EXPECT_TRUE(nepenthe::testing::mentions(refusal(json), "object"));
}

TEST(Config, ListsEveryProblemAtOnce) {
    Json json = llama();
    json["vocab_size"] = "many";
    json["num_key_value_heads"] = 3;
    json["hidden_act"] = "softplus";
    json["rms_norm_eps"] = -1.0;
    json["head_dim"] = 5;
    const std::string text = refusal(json);
    for (const char* part : {"vocab_size", "key-value heads", "softplus", "epsilon", "even"}) {
        EXPECT_TRUE(nepenthe::testing::mentions(text, part)) << part << "\n" << text;
    }
}

TEST(Config, RefusesSizesThatCannotBeMeant) {
    for (const Json& value : {Json(-1), Json(0), Json("many"), Json(1.5), Json(std::uint64_t{1} << 63)}) {
        Json json = llama();
        json["hidden_size"] = value;
        EXPECT_TRUE(nepenthe::testing::mentions(refusal(json), "hidden_size")) << value.dump();
    }
    Json json = llama();
    json["num_hidden_layers"] = 2'000'000'000;
    EXPECT_TRUE(nepenthe::testing::mentions(refusal(json), "num_hidden_layers"));
}

TEST(Config, RefusesWhatWouldChangeTheComputation) {
    Json json = {{"model_type", "gpt2"}, {"vocab_size", 32}, {"n_embd", 16}, {"n_layer", 2}, {"n_head", 3}};
    json["scale_attn_by_inverse_layer_idx"] = true;
    json["add_cross_attention"] = true;
    const std::string text = refusal(json);
    for (const char* part : {"scale_attn_by_inverse_layer_idx", "add_cross_attention", "not a multiple"}) {
        EXPECT_TRUE(nepenthe::testing::mentions(text, part)) << text;
    }
}

// A configuration of a family with one setting changed is refused by that setting's name.
TEST(Config, RefusesByNameWhatAFamilyDoesNotCompute) {
    struct Case {
        const char* family;
        const char* key;
        Json value;
    };
    const std::vector<Case> cases = {{"gemma", "use_bidirectional_attention", true},
                                     {"bloom", "apply_residual_connection_post_layernorm", true},
                                     {"opt", "word_embed_proj_dim", 512},
                                     {"falcon", "num_ln_in_parallel_attn", 2},
                                     {"cohere2", "use_qk_norm", true},
                                     {"hunyuan_v1_dense", "use_cla", true},
                                     {"mpt", "logit_scale", 2.0},
                                     {"mpt", "norm_type", "rmsnorm"},
                                     {"llama", "partial_rotary_factor", 0.5},
                                     {"exaone4", "sliding_window_pattern", "LLLG"}};
    for (const auto& [family, key, value] : cases) {
        const Json plain = {{"model_type", family}};
        EXPECT_NO_THROW(parse_config(plain)) << family;
        Json changed = plain;
        changed[key] = value;
        EXPECT_TRUE(nepenthe::testing::mentions(refusal(changed), key)) << family << ": " << refusal(changed);
    }
    const Json attention = {
        {"alibi", false}, {"qk_ln", true}, {"prefix_lm", true}, {"attn_type", "multiquery_attention"}};
    for (const auto& [key, value] : attention.items()) {
        Json mpt = {{"model_type", "mpt"}};
        mpt["attn_config"][key] = value;
        EXPECT_TRUE(nepenthe::testing::mentions(refusal(mpt), key)) << key;
    }
}

TEST(Config, AlibiSlopesOfHeadsThatAreNoPowerOfTwo) {
    const Json bloom = {{"model_type", "bloom"}, {"hidden_size", 12}, {"n_head", 6}};
    EXPECT_EQ(parse_config(bloom).alibi.slopes, (std::vector<double>{0.25, 0.0625, 0.015625, 0.00390625, 0.5, 0.125}));
    const Json mpt = {{"model_type", "mpt"}, {"d_model", 12}, {"n_heads", 3}};
    EXPECT_EQ(parse_config(mpt).alibi.slopes, (std::vector<double>{0.0625, 0.00390625, 0.25}));
}

TEST(Config, BloomAndMptAreReadInBothSpellings) {
    const Json old = {{"model_type", "bloom"}, {"n_embed", 24}, {"num_hidden_layers", 3}, {"num_attention_heads", 4}};
    const DecoderConfig config = parse_config(old);
    EXPECT_EQ(config.hidden, 24);
    EXPECT_EQ(config.layers, 3);
    EXPECT_EQ(config.heads, 4);
    EXPECT_EQ(parse_config({{"model_type", "mpt"}, {"hidden_size", 24}, {"num_attention_heads", 4}}).head_dim, 6);
}

TEST(Families, TensorNamesAreDistinctAndCoverEveryLayer) {
    for (const std::string& name : supported_families()) {
        const std::filesystem::path families = NEPENTHE_SOURCE_DIR "/tests/golden/families";
        std::ifstream file(families / name / "config.json");
        const DecoderConfig config = parse_config(Json::parse(file));
        std::set<std::string> names;
        for (const TensorSpec& spec : tensor_specs(config)) {
            EXPECT_TRUE(names.insert(spec.name).second) << spec.name;
            EXPECT_EQ(spec.name.find("{}"), std::string::npos);
        }
    }
}

}  // namespace
}  // namespace nepenthe::model
