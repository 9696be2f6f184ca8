#pragma once
// The manifest of a training checkpoint: what lies in it, of which run it is, and a digest over itself.

#include "base/json.h"
#include "train/flat_layout.h"
#include "train/trainer.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace nepenthe::train {

struct TrainingManifest {
    FlatLayout layout;
    Json key;                          // what must agree for a run to go on: options and data; an object
    Json objective;                    // what has come of its state; null where it has none
    std::vector<StepReport> reports;   // steps done so far
    std::int64_t changed_weights = 0;  // summed over steps and ranks
    std::vector<std::string> shards;   // SHA-256 of each rank's file, by rank

    std::string to_text() const;
    // Throws Error(kData) for anything that to_text() has not written. `what` names the input.
    static TrainingManifest parse(std::string_view text, std::string_view what);
};

}  // namespace nepenthe::train
