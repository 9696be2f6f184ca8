#pragma once
// Rotary positions as config.json describes them: rope_parameters (transformers 5), before that rope_scaling and
// rope_theta.

#include "model/family/config_fields.h"

namespace nepenthe::model {

// What a family takes where config.json does not say.
struct RotaryRules {
    double theta = 10000.0;
    double share = 1.0;    // of the head that is turned
    bool partial = false;  // whether config.json may change the share
    Rotary::Pairing pairing = Rotary::Pairing::kHalves;
    double original_positions = 0;  // 0 = as the parameters say, else max_position_embeddings
};

// rope_scaling, or where that is null or empty rope_parameters; null where there is neither.
Json rotary_parameters(const ConfigFields& fields);
// The table described by `parameters`, which may be null.
Rotary read_rotary(const Json& parameters, const RotaryRules& rules, const DecoderConfig& config, Problems& problems);
// The table of a family that has one, for all layers: rope_theta, partial_rotary_factor and
// original_max_position_embeddings may stand outside the parameters.
void read_single_rotary(ConfigFields& fields, DecoderConfig& config, RotaryRules rules = {});
void read_single_rotary(ConfigFields& fields, DecoderConfig& config, Json parameters, RotaryRules rules);

}  // namespace nepenthe::model
