#include "model/family/config_fields.h"

#include <cmath>

namespace nepenthe::model {

namespace {

constexpr std::int64_t kLargestSize = std::int64_t{1} << 31;
constexpr std::int64_t kMostLayers = 4096;

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

bool ConfigFields::flag_or(const char* key, bool derived) {
    const Json* value = find(key);
    if (value == nullptr) return derived;
    if (!value->is_boolean()) problems_.add("\"{}\" must be true or false, not {}", key, value->dump());
    return value->is_boolean() ? value->get<bool>() : derived;
}

const char* ConfigFields::spelled(std::initializer_list<const char*> spellings) const {
    for (const Json* values : {&json_, &defaults_}) {
        for (const char* key : spellings) {
            if (const auto given = values->find(key); given != values->end() && !given->is_null()) return key;
        }
    }
    return *spellings.begin();
}

void ConfigFields::refuse_if(const char* key, std::string_view reason) {
    if (flag_or(key, false)) refuse(key, reason);
}

void ConfigFields::refuse(const char* key, std::string_view reason) {
    problems_.add("\"{}\": {} is not supported", key, reason);
}

Activation read_activation(ConfigFields& fields, const char* key) {
    const std::string name = fields.text(key);
    if (name == "gelu_new" || name == "gelu_pytorch_tanh" || name == "gelu_fast" || name == "gelu_python_tanh" ||
        name == "gelu_accurate") {
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
    if (name == "relu2") {
        return Activation::kReluSquared;
    }
    fields.problems().add(
        "\"{}\": activation \"{}\" is not supported (known: gelu, gelu_new, gelu_pytorch_tanh, silu, relu, relu2)", key,
        name);
    return Activation::kSilu;
}

}  // namespace nepenthe::model
