#pragma once
// What the configuration classes of transformers 5.23 stand in for keys that a config.json leaves out.
// tests/golden/make_config_defaults.py asks the classes; a test compares.

#include "base/json.h"

#include <string_view>

namespace nepenthe::model {

// The class's own values by key, for the keys that our readers ask for and whose value is not derived from others. An
// empty object for a model_type that is not known.
const Json& config_defaults(std::string_view model_type);

}  // namespace nepenthe::model
