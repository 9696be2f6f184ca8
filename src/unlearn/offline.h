#pragma once
// Labels of any α from the stored top-k, without a model; and those positions that need one after all.
// specs: unlearning.md §14.2.

#include "dist/comm.h"
#include "model/decoder.h"
#include "unlearn/labels.h"

#include <cstdint>
#include <filesystem>
#include <functional>
#include <vector>

namespace nepenthe::unlearn {

struct OfflinePosition {
    std::uint64_t block = 0;
    std::uint32_t position = 0;
    bool operator==(const OfflinePosition&) const = default;
};

struct OfflineLabels {
    LabelRows rows;                            // best guess at positions that are not certified
    std::vector<OfflinePosition> uncertified;  // by block, then position
};

// The artefact's own combination with another α ≥ 0. Certified labels equal those of relabel with this α.
OfflineLabels relabel_offline(const std::filesystem::path& artefact_folder, double alpha);

// Collective. Runs both models on the blocks that hold uncertified positions and puts the exact labels there; nothing
// is left uncertified. The models must be those of the artefact (the caller compares digests). Blocks are dealt to
// ranks.
void resolve_uncertified(const dist::Comm& comm, const std::filesystem::path& artefact_folder, double alpha,
                         const model::Decoder& baseline, const model::Decoder& reinforced, OfflineLabels& labels);

}  // namespace nepenthe::unlearn
