#include "model/family/config.h"

#include "base/error.h"
#include "io/file.h"
#include "model/family/families.h"
#include "model/family/quantised.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cmath>

namespace nepenthe::model {

namespace {

// Quantities that hold for every family, whatever its reader did.
void check_consistency(const DecoderConfig& config, Problems& problems) {
    if (config.heads <= 0 || config.kv_heads <= 0 || config.head_dim <= 0) {
        return;  // reported as missing already
    }
    if (config.heads % config.kv_heads != 0) {
        problems.add("{} attention heads do not divide among {} key-value heads", config.heads, config.kv_heads);
    }
    if (!(config.norm_epsilon > 0.0)) {
        problems.add("the norm's epsilon must be positive, not {}", config.norm_epsilon);
    }
    if (!std::isfinite(config.attention_scale) || !(config.attention_scale > 0.0)) {
        problems.add("the attention scale must be positive, not {}", config.attention_scale);
    }
    for (const double cap : {config.attention_soft_cap, config.logit_soft_cap}) {
        if (cap < 0.0) {
            problems.add("soft caps must not be negative, not {}", cap);
        }
    }
    for (const double multiplier : {config.embedding_scale, config.residual_multiplier, config.logit_scale}) {
        if (!std::isfinite(multiplier) || multiplier == 0.0) {
            problems.add("a multiplier of the stream or the logits is {}", multiplier);
        }
    }
    if (!(config.qkv_clip >= 0.0)) problems.add("the clip of queries, keys and values is {}", config.qkv_clip);
}

// Multimodal models, of which the text part is read.
struct Wrapper {
    std::string_view model_type, text_type, text_architecture;
};
constexpr std::array kWrappers = {Wrapper{"gemma3", "gemma3_text", "Gemma3ForCausalLM"}};

const Wrapper* find_wrapper(const Json& config) {
    const auto found =
        std::ranges::find(kWrappers, config["model_type"].get_ref<const std::string&>(), &Wrapper::model_type);
    return found == kWrappers.end() ? nullptr : &*found;
}

// The configuration of the text part as a model of its own.
Json text_part(const Json& config, const Wrapper& wrapper) {
    Json text = config.value("text_config", Json());
    if (text.is_null()) text = Json::object();
    if (!text.is_object()) fail(ErrorKind::kData, "config.json: \"text_config\" is not an object");
    if (!text.contains("model_type")) text["model_type"] = std::string(wrapper.text_type);
    if (!text["model_type"].is_string()) fail(ErrorKind::kData, "config.json: \"text_config\" names no \"model_type\"");
    text["architectures"] = Json::array({std::string(wrapper.text_architecture)});
    for (const char* key : {"torch_dtype", "dtype"}) {
        if (config.contains(key) && text.value(key, Json()).is_null()) text[key] = config[key];
    }
    // The whole model's word decides about its head.
    if (config.contains("tie_word_embeddings")) text["tie_word_embeddings"] = config["tie_word_embeddings"];
    return text;
}

}  // namespace

const std::vector<std::string>& supported_families() {
    static const std::vector<std::string> names = [] {
        std::vector<std::string> list;
        for (const Family& family : all_families()) {
            list.emplace_back(family.name);
        }
        return list;
    }();
    return names;
}

DecoderConfig parse_config(const Json& config) {
    if (!config.is_object() || !config.contains("model_type") || !config["model_type"].is_string()) {
        fail(ErrorKind::kData, "config.json names no \"model_type\"; is this the folder of a Hugging Face model?");
    }
    if (const std::string method = quantisation_of(config); !method.empty()) refuse_quantised(method, "");
    DecoderConfig result;
    result.source = config;
    if (const Wrapper* wrapper = find_wrapper(config)) {
        result.wrapper = wrapper->model_type;
        result.source = text_part(config, *wrapper);
    }
    const std::string type = result.source["model_type"].get<std::string>();
    const Family* family = find_family(type);
    if (family == nullptr) {
        const std::string near = nearest_name(type, supported_families());
        fail(ErrorKind::kData, "model family \"{}\" is not supported{} (known: {})", type,
             near.empty() ? "" : fmt::format(", did you mean \"{}\"?", near), fmt::join(supported_families(), ", "));
    }
    Problems problems;
    result.family = type;
    for (const char* key : {"torch_dtype", "dtype"}) {
        if (const auto dtype = result.source.find(key); dtype != result.source.end() && dtype->is_string()) {
            result.checkpoint_dtype = dtype->get<std::string>();
        }
    }
    family->read(result.source, result, problems);
    check_consistency(result, problems);
    problems.throw_if_any(ErrorKind::kData, fmt::format("config.json of a {} model cannot be used", type));
    return result;
}

DecoderConfig read_config(const std::filesystem::path& folder) {
    const std::filesystem::path path = folder / "config.json";
    constexpr std::uint64_t kLimit = 16u << 20;
    try {
        return parse_config(parse_json(io::read_file(path, kLimit), path.string()));
    } catch (const Error& error) {
        throw error.with_context(folder.string());
    }
}

}  // namespace nepenthe::model
