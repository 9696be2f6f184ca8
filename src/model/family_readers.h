#pragma once
// config.json of each family → DecoderConfig. Defaults for absent keys are those of the family's published
// configuration class (config_defaults.h).

#include "base/error.h"
#include "model/config.h"

namespace nepenthe::model {

void read_gpt2(const Json& json, DecoderConfig& config, Problems& problems);
void read_gpt_neo(const Json& json, DecoderConfig& config, Problems& problems);
void read_gptj(const Json& json, DecoderConfig& config, Problems& problems);
void read_gpt_neox(const Json& json, DecoderConfig& config, Problems& problems);
void read_llama(const Json& json, DecoderConfig& config, Problems& problems);
void read_mistral(const Json& json, DecoderConfig& config, Problems& problems);
void read_qwen2(const Json& json, DecoderConfig& config, Problems& problems);
void read_qwen3(const Json& json, DecoderConfig& config, Problems& problems);
void read_phi(const Json& json, DecoderConfig& config, Problems& problems);
void read_olmo2(const Json& json, DecoderConfig& config, Problems& problems);
void read_gemma3(const Json& json, DecoderConfig& config, Problems& problems);

}  // namespace nepenthe::model
