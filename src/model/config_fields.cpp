#include "model/config_fields.h"

#include <algorithm>
#include <cmath>

namespace nepenthe::model {

namespace {

constexpr std::int64_t kLargestSize = std::int64_t{1} << 31;
constexpr std::int64_t kMostLayers = 4096;

double number_of(const Json& parameters, const char* key, double fallback, Problems& problems) {
    const auto found = parameters.find(key);
    if (found == parameters.end() || found->is_null()) {
        return fallback;
    }
    if (!found->is_number() || !std::isfinite(found->get<double>())) {
        problems.add("rotary parameter \"{}\" must be a number", key);
        return fallback;
    }
    return found->get<double>();
}

std::int64_t size_of(const char* key, const Json& value, Problems& problems) {
    // A larger one would be negative as a signed number.
    const bool fits =
        value.is_number_integer() && value.get<std::int64_t>() > 0 && value.get<std::int64_t>() <= kLargestSize;
    if (!fits) {
        problems.add("\"{}\" must be an integer between 1 and {}, not {}", key, kLargestSize, value.dump());
        return 0;
    }
    return value.get<std::int64_t>();
}

std::string scaling_name(const Json& parameters) {
    for (const char* key : {"rope_type", "type"}) {
        if (const auto found = parameters.find(key); found != parameters.end() && found->is_string()) {
            return found->get<std::string>();
        }
    }
    return "default";
}

void read_scaling(const Json& parameters, const DecoderConfig& config, Rotary& rotary, Problems& problems) {
    const std::string name = scaling_name(parameters);
    if (name == "default") {
        return;
    }
    if (name == "linear") {
        rotary.scaling = Rotary::Scaling::kLinear;
    } else if (name == "llama3") {
        rotary.scaling = Rotary::Scaling::kLlama3;
    } else if (name == "yarn") {
        rotary.scaling = Rotary::Scaling::kYarn;
    } else {
        problems.add("rotary scaling \"{}\" is not supported (known: default, linear, llama3, yarn)", name);
        return;
    }
    rotary.original_positions =
        number_of(parameters, "original_max_position_embeddings", static_cast<double>(config.max_positions), problems);
    rotary.factor = number_of(parameters, "factor", 0.0, problems);
    if (rotary.factor == 0.0 && rotary.scaling == Rotary::Scaling::kYarn) {
        rotary.factor = static_cast<double>(config.max_positions) / rotary.original_positions;
    }
    if (!(rotary.factor > 0.0)) {
        problems.add("rotary scaling \"{}\" needs a positive \"factor\"", name);
    }
    rotary.low_freq_factor = number_of(parameters, "low_freq_factor", rotary.low_freq_factor, problems);
    rotary.high_freq_factor = number_of(parameters, "high_freq_factor", rotary.high_freq_factor, problems);
    if (rotary.scaling == Rotary::Scaling::kLlama3 && !(rotary.high_freq_factor > rotary.low_freq_factor)) {
        problems.add("rotary scaling llama3: high_freq_factor {} must exceed low_freq_factor {}",
                     rotary.high_freq_factor, rotary.low_freq_factor);
    }
    // Zero means "not given" for both, as in the reference implementation.
    const double fast = number_of(parameters, "beta_fast", 0.0, problems);
    const double slow = number_of(parameters, "beta_slow", 0.0, problems);
    rotary.beta_fast = fast == 0.0 ? rotary.beta_fast : fast;
    rotary.beta_slow = slow == 0.0 ? rotary.beta_slow : slow;
    rotary.attention_factor = number_of(parameters, "attention_factor", 0.0, problems);
    rotary.mscale = number_of(parameters, "mscale", 0.0, problems);
    rotary.mscale_all_dim = number_of(parameters, "mscale_all_dim", 0.0, problems);
    if (const auto found = parameters.find("truncate"); found != parameters.end() && found->is_boolean()) {
        rotary.truncate = found->get<bool>();
    }
    if (!(rotary.original_positions > 0.0)) {
        problems.add("rotary scaling \"{}\" needs a positive original_max_position_embeddings", name);
    }
}

}  // namespace

const Json* ConfigFields::find(const char* key) const {
    auto found = json_.find(key);
    if (found == json_.end()) {
        found = defaults_.find(key);
        if (found == defaults_.end()) return nullptr;
    }
    return found->is_null() ? nullptr : &*found;
}

const Json* ConfigFields::required(const char* key) {
    if (const Json* value = find(key); value != nullptr) {
        return value;
    }
    if (const auto known = defaults_.find(key); known != defaults_.end() && !known->is_null()) {
        return &*known;
    }
    problems_.add("\"{}\" is missing", key);
    return nullptr;
}

std::int64_t ConfigFields::size(const char* key) {
    const Json* value = required(key);
    return value == nullptr ? 0 : size_of(key, *value, problems_);
}

std::int64_t ConfigFields::layers(const char* key) {
    const std::int64_t count = size(key);
    if (count > kMostLayers) {
        problems_.add("\"{}\" is {}, more than the {} that are supported", key, count, kMostLayers);
        return 0;
    }
    return count;
}

std::int64_t ConfigFields::size_or(const char* key, std::int64_t derived) {
    const Json* value = find(key);
    return value == nullptr ? derived : size_of(key, *value, problems_);
}

double ConfigFields::number(const char* key) {
    const Json* value = required(key);
    if (value == nullptr || value->is_number()) {
        return value == nullptr ? 0.0 : value->get<double>();
    }
    problems_.add("\"{}\" must be a number, not {}", key, value->dump());
    return 0.0;
}

double ConfigFields::number_or(const char* key, double derived) {
    const Json* value = find(key);
    if (value == nullptr) {
        return derived;
    }
    if (!value->is_number()) {
        problems_.add("\"{}\" must be a number, not {}", key, value->dump());
        return derived;
    }
    return value->get<double>();
}

bool ConfigFields::flag(const char* key) {
    const Json* value = required(key);
    if (value == nullptr || value->is_boolean()) {
        return value != nullptr && value->get<bool>();
    }
    problems_.add("\"{}\" must be true or false, not {}", key, value->dump());
    return false;
}

std::string ConfigFields::text(const char* key) {
    const Json* value = required(key);
    if (value == nullptr || value->is_string()) {
        return value == nullptr ? "" : value->get<std::string>();
    }
    problems_.add("\"{}\" must be a string, not {}", key, value->dump());
    return "";
}

void ConfigFields::refuse(const char* key, std::string_view reason) {
    problems_.add("\"{}\": {} is not supported", key, reason);
}

Rotary read_rotary(const Json* parameters, double theta, double share, const DecoderConfig& config,
                   Problems& problems) {
    Rotary rotary;
    rotary.theta = theta;
    if (parameters != nullptr && !parameters->is_object()) {
        problems.add("rotary parameters must be an object, not {}", parameters->dump());
        parameters = nullptr;
    }
    if (parameters != nullptr) {
        rotary.theta = number_of(*parameters, "rope_theta", theta, problems);
        share = number_of(*parameters, "partial_rotary_factor", share, problems);
        read_scaling(*parameters, config, rotary, problems);
    }
    if (!(share > 0 && share <= 1)) {
        problems.add("rotary positions turn a share of {} of the head dimensions; it must lie in (0, 1]", share);
        share = 1;
    }
    rotary.dims = static_cast<std::int64_t>(static_cast<double>(config.head_dim) * share);
    if (!(rotary.theta > 1.0)) {
        problems.add("rotary base {} must be greater than 1", rotary.theta);
    }
    if (config.head_dim > 0 && (rotary.dims <= 0 || rotary.dims > config.head_dim || rotary.dims % 2 != 0)) {
        problems.add("rotary positions turn {} of {} head dimensions; the number must be even and at most the whole",
                     rotary.dims, config.head_dim);
    }
    return rotary;
}

void read_single_rotary(ConfigFields& fields, DecoderConfig& config, double default_share) {
    const Json* parameters = fields.find("rope_scaling");
    if (parameters == nullptr || parameters->empty()) {
        parameters = fields.find("rope_parameters");
    }
    // Parameters for each type of layer, as families with several tables have them.
    if (parameters != nullptr && parameters->is_object() &&
        std::ranges::any_of(*parameters, [](const Json& value) { return value.is_object(); })) {
        const auto full = parameters->find("full_attention");
        if (full == parameters->end() || parameters->size() > 1) {
            fields.refuse("rope_parameters", "more than one rotary table in this family");
        }
        parameters = full == parameters->end() ? nullptr : &*full;
    }
    const double theta = fields.number_or("rope_theta", 10000.0);
    const double share = fields.number_or("partial_rotary_factor", default_share);
    config.rotaries = {read_rotary(parameters, theta, share, config, fields.problems())};
    config.rotary_of.assign(static_cast<std::size_t>(config.layers), 0);
}

Activation read_activation(ConfigFields& fields, const char* key) {
    const std::string name = fields.text(key);
    if (name == "gelu_new" || name == "gelu_pytorch_tanh" || name == "gelu_fast") {
        return Activation::kGeluTanh;
    }
    if (name == "gelu" || name == "gelu_python") {
        return Activation::kGeluErf;
    }
    if (name == "silu" || name == "swish") {
        return Activation::kSilu;
    }
    if (name == "relu") {
        return Activation::kRelu;
    }
    fields.problems().add(
        "\"{}\": activation \"{}\" is not supported (known: gelu, gelu_new, gelu_pytorch_tanh, silu, relu)", key, name);
    return Activation::kSilu;
}

}  // namespace nepenthe::model
