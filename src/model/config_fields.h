#pragma once
// Typed access to config.json that collects problems instead of stopping at the first.

#include "base/error.h"
#include "model/config.h"

#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>

namespace nepenthe::model {

class ConfigFields {
  public:
    ConfigFields(const Json& json, Problems& problems) : json_(json), problems_(problems) {}

    // A positive integer that must be there.
    std::int64_t size(const char* key);
    // The same for the number of layers, of which a model cannot have millions.
    std::int64_t layers(const char* key);
    // The same with a default for an absent or null value.
    std::int64_t size_or(const char* key, std::int64_t fallback);
    double number_or(const char* key, double fallback);
    bool flag_or(const char* key, bool fallback);
    std::string text_or(const char* key, const std::string& fallback);
    // nullptr where absent or null.
    const Json* find(const char* key) const;
    // Reports a setting that changes the computation in a way that is not supported.
    void refuse(const char* key, std::string_view reason);

    const Json& json() const { return json_; }
    Problems& problems() { return problems_; }

  private:
    const Json& json_;
    Problems& problems_;
};

// The rotary table described by `parameters` (transformers 5: rope_parameters, before: rope_scaling), which may be
// null. `share` is the part of the head that is turned where the parameters do not say.
Rotary read_rotary(const Json* parameters, double theta, double share, const DecoderConfig& config, Problems& problems);
// The table of a family that has one: looks for rope_parameters, rope_scaling, rope_theta, partial_rotary_factor.
void read_single_rotary(ConfigFields& fields, DecoderConfig& config, double default_share = 1.0);

// "silu", "gelu_new" … ; an unknown name is a problem.
Activation read_activation(ConfigFields& fields, const char* key, const std::string& fallback);

}  // namespace nepenthe::model
