#pragma once
// Fine-tuning on generic labels, the project's main objective: labelled blocks among blocks of text that must stay.
// specs: unlearning.md §2.5; arXiv 2310.02238.

#include "dist/comm.h"
#include "model/decoder.h"
#include "train/sequence_objective.h"
#include "train/trainer.h"
#include "unlearn/objectives/forget_samples.h"
#include "unlearn/relabel/label_targets.h"

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace nepenthe::unlearn {

// The published script's optimizer: betas .9 and .98, no decay, linear to 0 without warm-up, no clipping.
train::TrainOptions published_label_training();

struct LabelOptions {
    std::string alpha = "5";  // which of the artefact's label sets
    TargetOptions targets;
    double holdout_share = 0.05;  // of the blocks, for the loss against generic labels
    MixOptions mix;

    // Adds every problem.
    void check(Problems& problems) const;
};

struct LabelledBlocks {
    std::int64_t train_blocks = 0, retain_blocks = 0, translated_blocks = 0, holdout_blocks = 0, labelled = 0;
    std::int64_t unlabelled_blocks = 0;  // left out: no position of theirs has a label

    Json to_json() const;
};

class LabelObjective : public train::SequenceObjective {
  public:
    // Collective. The labels of a relabel artefact; `retain`, text that must stay (the retain set of the field, specs:
    // unlearning.md §1), lies among the labelled blocks; what each epoch sees of it is drawn once, from (seed, number
    // of blocks). Blocks without a label are left out first: they are neither trained on nor held out. `decoder` must
    // be as it came; what it says of text that stays is kept in `work`. The caller checks that model and labels belong
    // together (check_labels_belong).
    LabelObjective(const dist::Comm& comm, const model::Decoder& decoder, const std::filesystem::path& labels,
                   const TextBlocks& retain, const LabelOptions& options, std::uint64_t seed,
                   const std::filesystem::path& work);

    std::int64_t items() const override { return samples_->size(); }
    const LabelledBlocks& counts() const { return counts_; }
    // Collective. Mean over the held-out labelled positions, by their weights.
    std::optional<double> holdout_loss(const dist::Comm& comm, const model::Decoder& decoder) const;

  protected:
    std::vector<train::ItemSample> samples(const train::Visit& visit) const override {
        return {{0, samples_->sample(visit.item)}};
    }

  private:
    std::optional<LabelTargets> targets_;
    std::vector<std::size_t> holdout_;
    std::optional<ForgetSamples> samples_;
    LabelledBlocks counts_;
};

}  // namespace nepenthe::unlearn
