#include "model/family/rotary_fields.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace nepenthe::model {

namespace {

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

std::string scaling_name(const Json& parameters) {
    for (const char* key : {"rope_type", "type"}) {
        if (const auto found = parameters.find(key); found != parameters.end() && found->is_string()) {
            return found->get<std::string>();
        }
    }
    return "default";
}

struct ScalingName {
    std::string_view name;
    Rotary::Scaling scaling;
};
constexpr std::array kScalings = {
    ScalingName{"linear", Rotary::Scaling::kLinear}, ScalingName{"dynamic", Rotary::Scaling::kDynamic},
    ScalingName{"llama3", Rotary::Scaling::kLlama3}, ScalingName{"yarn", Rotary::Scaling::kYarn},
    ScalingName{"longrope", Rotary::Scaling::kLongRope}};

// One factor for each pair of dimensions.
std::vector<double> read_factors(const Json& parameters, const char* key, const Rotary& rotary, Problems& problems) {
    const auto found = parameters.find(key);
    std::vector<double> factors;
    if (found != parameters.end() && found->is_array()) {
        for (const Json& factor : *found) factors.push_back(factor.is_number() ? factor.get<double>() : 0.0);
    }
    if (factors.size() != static_cast<std::size_t>(rotary.dims / 2) ||
        !std::ranges::all_of(factors, [](double factor) { return std::isfinite(factor) && factor > 0.0; })) {
        problems.add(
            "rotary scaling longrope: \"{}\" must list a positive number for each of the {} pairs of dimensions", key,
            rotary.dims / 2);
    }
    return factors;
}

void read_scaling(const Json& parameters, const RotaryRules& rules, const DecoderConfig& config, Rotary& rotary,
                  Problems& problems) {
    using enum Rotary::Scaling;
    const std::string name = scaling_name(parameters);
    if (name == "default") {
        return;
    }
    const auto known = std::ranges::find(kScalings, name, &ScalingName::name);
    if (known == kScalings.end()) {
        problems.add("rotary scaling \"{}\" is not supported (known: default, linear, dynamic, llama3, yarn, longrope)",
                     name);
        return;
    }
    rotary.scaling = known->scaling;
    rotary.original_positions = rules.original_positions;
    if (rotary.scaling == kDynamic) {
        rotary.original_positions = static_cast<double>(config.max_positions);
        if (rotary.dims <= 2) problems.add("rotary scaling dynamic needs more than one pair of dimensions");
    } else if (rotary.original_positions == 0) {
        rotary.original_positions = number_of(parameters, "original_max_position_embeddings",
                                              static_cast<double>(config.max_positions), problems);
    }
    if (!(rotary.original_positions > 0.0)) {
        problems.add("rotary scaling \"{}\" needs a positive original_max_position_embeddings", name);
    }
    rotary.factor = number_of(parameters, "factor", 0.0, problems);
    if (rotary.factor == 0.0 && (rotary.scaling == kYarn || rotary.scaling == kLongRope)) {
        rotary.factor = static_cast<double>(config.max_positions) / rotary.original_positions;
    }
    if (!(rotary.factor > 0.0)) {
        problems.add("rotary scaling \"{}\" needs a positive \"factor\"", name);
    }
    rotary.low_freq_factor = number_of(parameters, "low_freq_factor", rotary.low_freq_factor, problems);
    rotary.high_freq_factor = number_of(parameters, "high_freq_factor", rotary.high_freq_factor, problems);
    if (rotary.scaling == kLlama3 && !(rotary.high_freq_factor > rotary.low_freq_factor)) {
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
    if (rotary.scaling == kLongRope) {
        rotary.short_factors = read_factors(parameters, "short_factor", rotary, problems);
        rotary.long_factors = read_factors(parameters, "long_factor", rotary, problems);
    }
}

}  // namespace

Json rotary_parameters(const ConfigFields& fields) {
    for (const char* key : {"rope_scaling", "rope_parameters"}) {
        if (const Json* found = fields.find(key); found != nullptr && !found->empty()) return *found;
    }
    return {};
}

Rotary read_rotary(const Json& parameters, const RotaryRules& rules, const DecoderConfig& config, Problems& problems) {
    Rotary rotary;
    rotary.theta = rules.theta;
    rotary.pairing = rules.pairing;
    double share = rules.share;
    if (!parameters.is_null() && !parameters.is_object()) {
        problems.add("rotary parameters must be an object, not {}", parameters.dump());
    } else if (!parameters.is_null()) {
        rotary.theta = number_of(parameters, "rope_theta", rules.theta, problems);
        share = number_of(parameters, "partial_rotary_factor", rules.share, problems);
    }
    if (!(share > 0 && share <= 1)) {
        problems.add("rotary positions turn a share of {} of the head dimensions; it must lie in (0, 1]", share);
        share = 1;
    } else if (share != 1 && !rules.partial) {
        problems.add("\"partial_rotary_factor\" {}: this family turns whole heads", share);
    }
    rotary.dims = static_cast<std::int64_t>(static_cast<double>(config.head_dim) * share);
    if (parameters.is_object()) read_scaling(parameters, rules, config, rotary, problems);
    if (!(rotary.theta > 1.0)) {
        problems.add("rotary base {} must be greater than 1", rotary.theta);
    }
    // Of a part of the head an odd number is rounded up, unless a scaling goes by pairs.
    const bool by_pairs =
        rotary.scaling == Rotary::Scaling::kYarn || rotary.scaling == Rotary::Scaling::kLongRope || share == 1;
    if (config.head_dim > 0 &&
        (rotary.dims <= 0 || rotary.dims > config.head_dim || (rotary.dims % 2 != 0 && by_pairs))) {
        problems.add("rotary positions turn {} of {} head dimensions; the number must be even and at most the whole",
                     rotary.dims, config.head_dim);
    }
    return rotary;
}

void read_single_rotary(ConfigFields& fields, DecoderConfig& config, RotaryRules rules) {
    read_single_rotary(fields, config, rotary_parameters(fields), rules);
}

void read_single_rotary(ConfigFields& fields, DecoderConfig& config, Json parameters, RotaryRules rules) {
    // Parameters for each type of layer, as families with several tables have them.
    if (parameters.is_object() &&
        std::ranges::any_of(parameters, [](const Json& value) { return value.is_object(); })) {
        const auto full = parameters.find("full_attention");
        if (full == parameters.end() || parameters.size() > 1) {
            fields.refuse("rope_parameters", "more than one rotary table in this family");
        }
        parameters = full == parameters.end() ? Json() : Json(*full);
    }
    rules.theta = fields.number_or("rope_theta", rules.theta);
    rules.share = fields.number_or("partial_rotary_factor", rules.share);
    rules.original_positions = fields.number_or("original_max_position_embeddings", rules.original_positions);
    config.rotaries = {read_rotary(parameters, rules, config, fields.problems())};
    config.rotary_of.assign(static_cast<std::size_t>(config.layers), 0);
}

}  // namespace nepenthe::model
