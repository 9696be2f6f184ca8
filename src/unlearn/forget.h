#pragma once
// `forget`: fine-tuning on generic labels, watched. specs: unlearning.md §2.5; arXiv 2310.02238.

#include "base/json.h"
#include "dist/collectives.h"
#include "dist/comm.h"
#include "model/decoder.h"
#include "train/trainer.h"
#include "unlearn/forget_samples.h"
#include "unlearn/label_targets.h"

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace nepenthe::unlearn {

// What the caller measures between steps, collectively, on the weights in place. Lower familiarity and repetition (of
// what the model says by itself) and higher utility are better.
struct Measured {
    double familiarity = 0, utility = 0;
    Json details;
    std::optional<double> repetition = std::nullopt;
};
using ForgetMeasure = std::function<Measured(const model::Decoder& decoder, std::int64_t step)>;

// The published script's optimizer: betas .9 and .98, no decay, linear to 0 without warm-up, no clipping.
train::TrainOptions published_forget_training();

struct ForgetOptions {
    std::string alpha = "5";  // which of the artefact's label sets
    TargetOptions targets;
    train::TrainOptions train = published_forget_training();
    double holdout_share = 0.05;     // of the blocks, for the loss against generic labels
    std::int64_t measure_steps = 0;  // 0 = before and after only
    // By how much utility may fall below, and repetition rise above, its value at the start.
    std::optional<double> utility_budget, repetition_budget;
    MixOptions mix;

    // Every problem at once, empty when fine.
    std::vector<std::string> validate() const;
};

struct Checkpoint {
    std::int64_t step = 0;
    std::optional<double> holdout_loss;  // mean over held-out labelled positions, nats
    std::optional<double> familiarity, utility, repetition;
    Json details;
};

// Which checkpoint to keep; the first one is the untrained model and is never chosen. With measurements: the lowest
// familiarity whose utility and repetition stay within their budgets. Without: the lowest held-out loss, or the last
// one. Ties go to the earlier step. Nothing when no checkpoint is within the budgets.
std::optional<std::size_t> best_checkpoint(const std::vector<Checkpoint>& checkpoints, const ForgetOptions& options);

struct ForgetReport {
    std::vector<Checkpoint> checkpoints;  // by step, step 0 first
    std::int64_t best_step = 0;           // whose weights `decoder` holds at the end; 0 = the untrained model's
    bool within_budget = true;            // false: no step kept to the budgets, and the weights are as they came
    bool stopped_early = false;
    std::int64_t train_blocks = 0, retain_blocks = 0, translated_blocks = 0, holdout_blocks = 0, labelled = 0;
    std::int64_t unlabelled_blocks = 0;  // left out: no position of theirs has a label
    train::TrainReport train;

    Json to_json() const;
};

// Collective. Trains `decoder` in place on the labels of a relabel artefact and leaves the best checkpoint's weights in
// it. `retain`, text that must stay (the retain set of the field, specs: unlearning.md §1), lies among the labelled
// blocks; what each epoch sees of it is drawn once, from (seed, number of blocks). Blocks without a label are left out
// first: they are neither trained on nor held out. `work` (shared by all ranks) keeps training checkpoints, the
// measurements and the best weights, so that an interrupted run continues. Stops early once utility has fallen by more
// than its budget, or `after_step` says so, which is asked on all ranks. The caller checks that model and labels belong
// together (check_labels_belong).
ForgetReport forget(const dist::Comm& comm, dist::Collectives& collectives, model::Decoder& decoder,
                    const std::filesystem::path& labels, const TextBlocks& retain, const ForgetOptions& options,
                    const std::filesystem::path& work, const ForgetMeasure& measure = {},
                    const train::StepHook& after_step = {});

}  // namespace nepenthe::unlearn
