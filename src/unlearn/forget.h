#pragma once
// `forget`: a forgetting objective trained and watched: measured between steps, the best step kept, budgets held.

#include "base/json.h"
#include "dist/collectives.h"
#include "dist/comm.h"
#include "model/decoder.h"
#include "train/trainer.h"

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

// Collective. A loss on what is not trained on, nats, where there is any.
using HoldoutLoss = std::function<std::optional<double>(const model::Decoder& decoder)>;

struct ForgetOptions {
    train::TrainOptions train;
    std::int64_t measure_steps = 0;  // 0 = before and after only
    // By how much utility may fall below, and repetition rise above, its value at the start.
    std::optional<double> utility_budget, repetition_budget;

    // Every problem at once, empty when fine.
    std::vector<std::string> validate() const;
};

struct Checkpoint {
    std::int64_t step = 0;
    std::optional<double> holdout_loss;
    std::optional<double> familiarity, utility, repetition;
    Json details;
};

// Which checkpoint to keep; the first one is the untrained model and is never chosen. With measurements: of
// those whose utility and repetition stay within their budgets the one of lowest familiarity where utility has a
// budget; without one, of the lowest sum of what is left of familiarity and what was lost of utility, as shares of what
// there was (early steps of a high rate forget most, by damage). Without measurements: the lowest held-out loss, or the
// last one. Ties go to the earlier step. Nothing when no checkpoint is within the budgets.
std::optional<std::size_t> best_checkpoint(const std::vector<Checkpoint>& checkpoints, const ForgetOptions& options);

struct ForgetReport {
    std::vector<Checkpoint> checkpoints;  // by step, step 0 first
    std::int64_t best_step = 0;           // whose weights `decoder` holds at the end; 0 = the untrained model's
    bool within_budget = true;            // false: no step kept to the budgets, and the weights are as they came
    bool stopped_early = false;
    train::TrainReport train;

    Json to_json() const;
};

// Collective. Trains `decoder` in place and leaves the best checkpoint's weights in it. `work` (shared by all ranks)
// keeps training checkpoints, the measurements and the best weights, so that an interrupted run continues. Stops early
// once utility has fallen by more than its budget, or `after_step` says so, which is asked on all ranks.
ForgetReport forget(const dist::Comm& comm, dist::Collectives& collectives, model::Decoder& decoder,
                    train::Objective& objective, const HoldoutLoss& holdout_loss, const ForgetOptions& options,
                    const std::filesystem::path& work, const ForgetMeasure& measure = {},
                    const train::StepHook& after_step = {});

}  // namespace nepenthe::unlearn
