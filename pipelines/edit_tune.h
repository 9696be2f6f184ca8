#pragma once
// A pilot before an edit: which layer and which clamp write best, tried on facts that are not to be written.

#include "pipelines/edit_job.h"

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

namespace nepenthe::pipelines {

struct TuneRequest {
    std::filesystem::path facts;            // with a true object, paraphrases and neighbours each; empty = no pilot
    std::vector<std::int64_t> layers;       // each tried alone; empty = the edit's own, together
    std::vector<double> clamps{1, 1.5, 2};  // largest changes of a value, as in --clamp
    std::int64_t limit = 100;               // first N facts; 0 = all

    explicit operator bool() const { return !facts.empty(); }
    void check(Problems& problems) const;
};

// A layer and those beside it, as far as the model has them.
std::vector<std::int64_t> layers_beside(std::int64_t layer, const model::DecoderConfig& config);

// Options that differ from `base` in layers and clamp alone, one for every layer and clamp. Throws Error(kUsage) for
// what the model or the method cannot do.
std::vector<edit::EditOptions> tuning_trials(const TuneRequest& request, const edit::EditOptions& base,
                                             const model::DecoderConfig& config);

// Throws Error(kData) naming facts of a pilot that cannot be scored, or that are among those to be written.
void check_pilot(const std::vector<edit::Fact>& pilot, const std::vector<edit::Fact>& written);

// The key of a pilot's artefact: what of its job the trials do not choose, and the trials.
store::ArtefactKey tune_key(const EditJob& pilot, const std::vector<edit::EditOptions>& trials);

struct Tuned {
    store::Artefact artefact;
    edit::EditOptions best;
    // The manifest's summary: {"facts", "before", "trials": [{"name", "layers", "clamp", "metrics"}], "best": index}.
    Json summary;
};

// Collective. Writes and measures the facts of `pilot` by every trial, in memory, and publishes what each reached; an
// artefact of the same key is returned as it is, an unfinished one continued. The best has the highest harmonic mean of
// success, paraphrases and neighbours, the first of equals. `unedited` loads the model where something is to be tried.
Tuned tune_edit(const dist::Comm& comm, const EditJob& pilot, const std::vector<edit::EditOptions>& trials,
                const std::function<model::Decoder()>& unedited);

// A line for each trial of a summary.
std::string describe_tuning(const Json& summary);

}  // namespace nepenthe::pipelines
