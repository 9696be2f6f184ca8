#pragma once
// Typed access to config.json that collects problems instead of stopping at the first.

#include "base/error.h"
#include "model/family/config.h"

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
    bool flag_or(const char* key, bool derived);

    // What is given, else the default; nullptr where that is null or there is none.
    const Json* find(const char* key) const;
    // Of several spellings of one key the one that is given, else the one that has a default.
    const char* spelled(std::initializer_list<const char*> spellings) const;
    // Reports a setting that changes the computation in a way that is not supported.
    void refuse(const char* key, std::string_view reason);
    // The same where the flag is given and true.
    void refuse_if(const char* key, std::string_view reason);

    Problems& problems() { return problems_; }

  private:
    // The value of `key`, a null one replaced by the default; a problem and nullptr where that is missing, too.
    const Json* required(const char* key);

    const Json& json_;
    const Json& defaults_;
    Problems& problems_;
};

// "silu", "gelu_new" … ; an unknown name is a problem.
Activation read_activation(ConfigFields& fields, const char* key);

}  // namespace nepenthe::model
