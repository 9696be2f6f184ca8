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
    // `defaults` (config_defaults.h) stand in for what `json` leaves out.
    ConfigFields(const Json& json, const Json& defaults, Problems& problems)
        : json_(json), defaults_(defaults), problems_(problems) {}

    // Values that are not given, or null, are the default's; a problem where there is none.
    std::int64_t size(const char* key);    // a positive integer
    std::int64_t layers(const char* key);  // the same for the number of layers, of which a model cannot have millions
    double number(const char* key);
    bool flag(const char* key);
    std::string text(const char* key);
    // Where the key is null, or neither given nor among the defaults, the value is derived from others.
    std::int64_t size_or(const char* key, std::int64_t derived);
    double number_or(const char* key, double derived);

    // What is given, else the default; nullptr where that is null or there is none.
    const Json* find(const char* key) const;
    // Reports a setting that changes the computation in a way that is not supported.
    void refuse(const char* key, std::string_view reason);

    Problems& problems() { return problems_; }

  private:
    // The value of `key`, a null one replaced by the default; a problem and nullptr where that is missing, too.
    const Json* required(const char* key);

    const Json& json_;
    const Json& defaults_;
    Problems& problems_;
};

// The rotary table described by `parameters` (transformers 5: rope_parameters, before: rope_scaling), which may be
// null. `share` is the part of the head that is turned where the parameters do not say.
Rotary read_rotary(const Json* parameters, double theta, double share, const DecoderConfig& config, Problems& problems);
// The table of a family that has one: looks for rope_parameters, rope_scaling, rope_theta, partial_rotary_factor.
void read_single_rotary(ConfigFields& fields, DecoderConfig& config, double default_share = 1.0);

// "silu", "gelu_new" … ; an unknown name is a problem.
Activation read_activation(ConfigFields& fields, const char* key);

}  // namespace nepenthe::model
