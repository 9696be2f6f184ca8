#pragma once
// What was saved, read back from disk and held against what was meant. specs: the promise of `edit`.

#include "base/json.h"
#include "model/decoder.h"

#include <filesystem>
#include <string>
#include <vector>

namespace nepenthe::edit {

struct SavedCheck {
    std::vector<std::string> changed;  // tensors whose bytes differ from the source's
    double rounding = 0;  // ‖saved − memory‖ / ‖saved − source‖ over the edited tensors: what the dtype cost
    double logit_difference = 0;  // largest |logit| difference of the saved model and memory on the probes
    double logit_scale = 0;       // largest |logit| there
    std::int64_t probes = 0;

    Json to_json() const;
};

// Throws Error(kGate) that lists everything wrong: a tensor that changed without being declared, a declared one in
// which a value is not finite or is not memory's, rounded once; logits that differ by more than rounding explains.
// `probes` are token ids of a few prompts. `memory` is the edited decoder in fp32. One rank alone.
SavedCheck check_saved(const std::filesystem::path& source, const std::filesystem::path& saved,
                       const std::vector<std::string>& declared, const model::Decoder& memory,
                       const std::vector<std::vector<std::int64_t>>& probes);

}  // namespace nepenthe::edit
