#pragma once
// Labels by other rules (combination, α, β) from an artefact of relabel, from its top-k alone.
// specs: unlearning.md §14.2.

#include "dist/comm.h"
#include "model/decoder.h"
#include "store/artefact.h"
#include "unlearn/relabel/label_rule.h"
#include "unlearn/relabel/stored_labels.h"

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace nepenthe::unlearn {

struct RelabelFromOptions {
    Combine combine = Combine::kLogOdds;
    double plausible = 0.1;
    std::vector<double> alphas = {5.0};

    // Every problem at once, empty when fine.
    std::vector<std::string> validate() const;
};

struct RelabelFromInputs {
    std::filesystem::path labels;  // folder that relabel published
    std::string labels_digest;
    // Both or neither: the models of the artefact, for positions whose label its top-k does not prove. Without them
    // such positions get no label. Each rank loads for itself; called by all ranks, once, and only where they are
    // needed.
    std::function<model::Decoder()> load_baseline, load_reinforced;
    std::string baseline_digest, reinforced_digest;
    Json compute = Json::object();  // of the models, as relabel's key tells it
};

// The root attributes that relabel gives with these options, but for what only the writer knows. Throws Error(kData)
// for attributes of another kind.
Json derived_attributes(const StoredLabels& stored, const RelabelFromOptions& options);

store::ArtefactKey relabel_from_key(const RelabelFromInputs& inputs, const RelabelFromOptions& options);

// Collective. A label artefact like relabel's, without full logits and activations. Labels are those that relabel
// itself makes with these options; a margin is a lower bound where the runner-up may lie outside the top-k. Throws
// Error(kUsage) for options, Error(kData) for models that are not the artefact's.
store::Artefact relabel_from(const dist::Comm& comm, const RelabelFromInputs& inputs, const RelabelFromOptions& options,
                             const std::filesystem::path& outputs);

}  // namespace nepenthe::unlearn
