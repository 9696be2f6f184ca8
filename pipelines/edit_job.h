#pragma once
// One run of `edit`: facts written, measured, saved, read back, published.

#include "edit/edit.h"
#include "edit/ledger.h"
#include "pipelines/edit_measure.h"
#include "pipelines/edit_utility.h"
#include "pipelines/verb.h"
#include "store/artefact.h"

#include <filesystem>
#include <string>
#include <vector>

namespace nepenthe::pipelines {

struct EditJob {
    std::filesystem::path source;  // Hugging Face folder that untouched tensors and side files come from
    std::filesystem::path undo;  // tensors of the unedited model where `source` is edited already; empty: source's own
    edit::EditInputs inputs;
    edit::EditOptions options;
    edit::LedgerClaims claims;
    KnownRows known_rows;  // of facts on the unedited model
    std::filesystem::path outputs;
    UtilityBudget utility;
    bool evaluate = true;
    std::vector<std::string> warnings;  // of what it was given, before the run's own
    Json summary = Json::object();      // goes to the manifest, not into the content's digest
};

// The artefact's key: equal for equal facts and options on one model, however they were arrived at.
store::ArtefactKey job_key(const EditJob& job);

// Collective. `decoder` is the unedited model in fp32. Throws Error(kGate), with nothing published, where the saved
// model is not what was meant.
store::Artefact run_edit_job(const dist::Comm& comm, model::Decoder& decoder, const EditJob& job);

}  // namespace nepenthe::pipelines
