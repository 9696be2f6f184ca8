#include "model/rotary.h"

#include <torch/types.h>

#include <algorithm>
#include <cmath>
#include <numbers>

namespace nepenthe::model {

namespace {

// The dimension whose wave turns `rotations` times within the original context (YaRN, equation 17 solved for d).
double yarn_dimension(const Rotary& rotary, double rotations) {
    return static_cast<double>(rotary.dims) *
           std::log(rotary.original_positions / (rotations * 2.0 * std::numbers::pi)) / (2.0 * std::log(rotary.theta));
}

double yarn_magnitude(double factor, double mscale) {
    return factor <= 1.0 ? 1.0 : 0.1 * mscale * std::log(factor) + 1.0;
}

at::Tensor llama3_frequencies(const Rotary& rotary, const at::Tensor& plain) {
    const double low_wave = rotary.original_positions / rotary.low_freq_factor;
    const double high_wave = rotary.original_positions / rotary.high_freq_factor;
    const at::Tensor wave = (2.0 * std::numbers::pi) / plain;
    const at::Tensor slow = at::where(wave > low_wave, plain / rotary.factor, plain);
    const at::Tensor smooth = (rotary.original_positions / wave - rotary.low_freq_factor) /
                              (rotary.high_freq_factor - rotary.low_freq_factor);
    const at::Tensor blended = (1.0 - smooth) * slow / rotary.factor + smooth * slow;
    const at::Tensor between = (wave >= high_wave).logical_and(wave <= low_wave);
    return at::where(between, blended, slow);
}

at::Tensor yarn_frequencies(const Rotary& rotary, const at::Tensor& powers) {
    double low = yarn_dimension(rotary, rotary.beta_fast);
    double high = yarn_dimension(rotary, rotary.beta_slow);
    if (rotary.truncate) {
        low = std::floor(low);
        high = std::ceil(high);
    }
    low = std::max(low, 0.0);
    high = std::min(high, static_cast<double>(rotary.dims - 1));
    if (low == high) {
        high += 0.001;  // a step instead of a division by zero
    }
    const at::Tensor index = at::arange(rotary.dims / 2, at::kFloat);
    const at::Tensor ramp = ((index - low) / (high - low)).clamp(0.0, 1.0);
    const at::Tensor keep = 1.0 - ramp;
    return (1.0 / (rotary.factor * powers)) * (1.0 - keep) + (1.0 / powers) * keep;
}

double dynamic_base(const Rotary& rotary, std::int64_t length) {
    const double dims = static_cast<double>(rotary.dims), within = rotary.original_positions;
    const double stretch =
        rotary.factor * std::max(static_cast<double>(length), within) / within - (rotary.factor - 1.0);
    return rotary.theta * std::pow(stretch, dims / (dims - 2.0));
}

at::Tensor longrope_frequencies(const Rotary& rotary, const at::Tensor& powers, std::int64_t length) {
    const bool beyond = static_cast<double>(length) > rotary.original_positions;
    return 1.0 / (at::tensor(beyond ? rotary.long_factors : rotary.short_factors, at::kFloat) * powers);
}

// [batch|1, 1, dims / 2]: frequencies for the length of each row.
at::Tensor frequencies_of_rows(const Rotary& rotary, const at::Tensor& positions) {
    const at::Tensor last = positions.amax(1).cpu();
    std::vector<at::Tensor> rows;
    for (std::int64_t row = 0; row < last.size(0); ++row) {
        rows.push_back(rotary_frequencies(rotary, last[row].item<std::int64_t>() + 1));
    }
    return at::stack(rows).unsqueeze(1).to(positions.device());
}

}  // namespace

at::Tensor rotary_frequencies(const Rotary& rotary, std::int64_t length) {
    const at::Tensor exponents = at::arange(0, rotary.dims, 2, at::kFloat) / static_cast<double>(rotary.dims);
    if (rotary.scaling == Rotary::Scaling::kDynamic) return 1.0 / at::pow(dynamic_base(rotary, length), exponents);
    const at::Tensor powers = at::pow(rotary.theta, exponents);
    const at::Tensor plain = 1.0 / powers;
    switch (rotary.scaling) {
        case Rotary::Scaling::kNone: return plain;
        case Rotary::Scaling::kLinear: return plain / rotary.factor;
        case Rotary::Scaling::kLlama3: return llama3_frequencies(rotary, plain);
        case Rotary::Scaling::kYarn: return yarn_frequencies(rotary, powers);
        case Rotary::Scaling::kLongRope: return longrope_frequencies(rotary, powers, length);
        case Rotary::Scaling::kDynamic: break;
    }
    return plain;
}

bool follows_length(const Rotary& rotary) {
    return rotary.scaling == Rotary::Scaling::kDynamic || rotary.scaling == Rotary::Scaling::kLongRope;
}

bool turns_anew(const DecoderConfig& config, std::int64_t before, std::int64_t after) {
    return std::ranges::any_of(config.rotaries, [&](const Rotary& rotary) {
        return rotary.scaling == Rotary::Scaling::kLongRope &&
               static_cast<double>(before) <= rotary.original_positions &&
               static_cast<double>(after) > rotary.original_positions;
    });
}

double rotary_attention_factor(const Rotary& rotary) {
    const bool longrope = rotary.scaling == Rotary::Scaling::kLongRope;
    if (rotary.scaling != Rotary::Scaling::kYarn && !longrope) {
        return 1.0;
    }
    if (rotary.attention_factor != 0.0) {
        return rotary.attention_factor;
    }
    if (longrope) {
        return rotary.factor <= 1.0 ? 1.0
                                    : std::sqrt(1.0 + std::log(rotary.factor) / std::log(rotary.original_positions));
    }
    if (rotary.mscale != 0.0 && rotary.mscale_all_dim != 0.0) {
        return yarn_magnitude(rotary.factor, rotary.mscale) / yarn_magnitude(rotary.factor, rotary.mscale_all_dim);
    }
    return yarn_magnitude(rotary.factor, 1.0);
}

RotaryTable rotary_table(const Rotary& rotary, const at::Tensor& frequencies, const at::Tensor& positions) {
    const at::Tensor angles = positions.unsqueeze(-1).to(at::kFloat) *
                              (follows_length(rotary) ? frequencies_of_rows(rotary, positions) : frequencies);
    const double factor = rotary_attention_factor(rotary);
    return {(angles.cos() * factor).contiguous(), (angles.sin() * factor).contiguous()};
}

}  // namespace nepenthe::model
