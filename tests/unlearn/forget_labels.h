#pragma once
// Forgetting on labels, as the verb puts it together.

#include "unlearn/forget.h"
#include "unlearn/objectives/labels.h"

#include <filesystem>

namespace nepenthe::testing {

struct LabelRun {
    unlearn::LabelOptions labels;
    unlearn::ForgetOptions forget;

    LabelRun() { forget.train = unlearn::published_label_training(); }
};

struct LabelOutcome : unlearn::ForgetReport {
    unlearn::LabelledBlocks counts;
};

inline LabelOutcome forget_labels(const dist::Comm& comm, dist::Collectives& collectives, model::Decoder& decoder,
                                  const std::filesystem::path& artefact, const unlearn::TextBlocks& retain,
                                  const LabelRun& run, const std::filesystem::path& work,
                                  const unlearn::ForgetMeasure& measure = {}) {
    unlearn::LabelObjective objective(comm, decoder, artefact, retain, run.labels, run.forget.train.seed, work);
    const auto holdout = [&](const model::Decoder& now) { return objective.holdout_loss(comm, now); };
    return {unlearn::forget(comm, collectives, decoder, objective, holdout, run.forget, work, measure),
            objective.counts()};
}

}  // namespace nepenthe::testing
