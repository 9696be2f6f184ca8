#include "unlearn/forget.h"

#include "base/error.h"
#include "base/fault.h"
#include "base/json_optional.h"
#include "base/json_text.h"
#include "base/json_whole.h"
#include "base/log.h"
#include "dist/guard.h"
#include "io/file.h"
#include "train/training_checkpoint.h"
#include "unlearn/best_weights.h"

#include <ATen/ATen.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <set>

namespace nepenthe::unlearn {

namespace {

Json checkpoint_json(const Checkpoint& checkpoint) {
    return {{"step", checkpoint.step},
            {"holdout_loss", optional_json(checkpoint.holdout_loss)},
            {"familiarity", optional_json(checkpoint.familiarity)},
            {"utility", optional_json(checkpoint.utility)},
            {"repetition", optional_json(checkpoint.repetition)},
            {"details", checkpoint.details}};
}

Checkpoint checkpoint_of(const Json& json) {
    return {json_whole<std::int64_t>(json.at("step")),       json_optional(json.at("holdout_loss")),
            json_optional(json.at("familiarity")),           json_optional(json.at("utility")),
            json_optional(json.value("repetition", Json())), json.at("details")};
}

bool keeps_utility(const Checkpoint& start, const Checkpoint& now, const ForgetOptions& options) {
    return !options.utility_budget || !now.utility || *now.utility >= *start.utility - *options.utility_budget;
}

bool keeps_fluency(const Checkpoint& start, const Checkpoint& now, const ForgetOptions& options) {
    return !options.repetition_budget || !now.repetition ||
           *now.repetition <= *start.repetition + *options.repetition_budget;
}

// What a step leaves of familiarity, and takes of utility, as shares of what there was; the lower the better. A budget
// of utility has said already what may be paid.
double cost_of(const Checkpoint& start, const Checkpoint& now, const ForgetOptions& options) {
    const bool comparable = start.familiarity && start.utility && now.utility;  // a run that goes on may measure anew
    if (options.utility_budget || !comparable || !(*start.familiarity > 0) || !(*start.utility > 0))
        return *now.familiarity;
    return *now.familiarity / *start.familiarity + std::max(0.0, 1 - *now.utility / *start.utility);
}

std::filesystem::path training_folder(const std::filesystem::path& work) { return work / "checkpoints"; }

// The run's memory: what was measured, and the weights of the best step so far.
class Watch {
  public:
    Watch(const dist::Comm& comm, model::Decoder& decoder, const ForgetOptions& options,
          const HoldoutLoss& holdout_loss, const ForgetMeasure& measure, const std::filesystem::path& work)
        : comm_(comm),
          decoder_(decoder),
          options_(options),
          holdout_loss_(holdout_loss),
          measure_(measure),
          work_(work),
          log_(work / "measurements.json") {
        std::string text;
        dist::run_agreed(comm, "read measurements", [&] {
            if (comm.is_root() && std::filesystem::exists(log_)) text = io::read_file(log_);
        });
        comm.broadcast(text);
        if (text.empty()) return;
        try {
            for (const Json& item : parse_json(text, log_.string())) checkpoints_.push_back(checkpoint_of(item));
        } catch (const Json::exception& error) {
            fail(ErrorKind::kData, "{}: {}; remove the run's work folder and start again", log_.string(), error.what());
        }
    }

    bool knows(std::int64_t step) const {
        return std::any_of(checkpoints_.begin(), checkpoints_.end(), [&](auto& item) { return item.step == step; });
    }

    // Collective. False when utility fell by more than its budget.
    bool look(std::int64_t step) {
        Checkpoint now;
        now.step = step;
        if (holdout_loss_) now.holdout_loss = holdout_loss_(decoder_);
        if (measure_) {
            const Measured measured = measure_(decoder_, step);
            now.familiarity = measured.familiarity;
            now.utility = measured.utility;
            now.repetition = measured.repetition;
            now.details = measured.details;
        }
        // A run that continues from an earlier training checkpoint meets some steps again; the newer look counts.
        std::erase_if(checkpoints_, [&](const Checkpoint& item) { return item.step >= step; });
        checkpoints_.push_back(now);
        const auto best = best_checkpoint(checkpoints_, options_);
        dist::run_agreed(comm_, "keep the best weights", [&] {
            if (!comm_.is_root()) return;
            if (best && checkpoints_[*best].step == step) save_weights(decoder_, step, work_);
            fault_point("forget.best_weights");
            Json log = Json::array();
            for (const Checkpoint& item : checkpoints_) log.push_back(checkpoint_json(item));
            io::write_file_atomically(log_, json_text(log, 1));
            keep_weights(wanted_steps(), work_);
        });
        return keeps_utility(checkpoints_.front(), now, options_);
    }

    // Collective. Leaves the best weights in the decoder.
    void finish(const std::vector<at::Tensor>& untrained, ForgetReport& report) {
        report.checkpoints = checkpoints_;
        const auto best = best_checkpoint(checkpoints_, options_);
        report.within_budget = best.has_value();
        report.best_step = best ? checkpoints_[*best].step : 0;
        if (!best) {
            const auto parameters = decoder_.parameters();
            for (std::size_t i = 0; i < parameters.size(); ++i) at::Tensor(parameters[i].tensor).copy_(untrained[i]);
        } else if (report.best_step != checkpoints_.back().step) {
            dist::run_agreed(comm_, "load the best weights", [&] { load_weights(decoder_, report.best_step, work_); });
        }
        comm_.barrier("best weights");
    }

  private:
    // The best step, and the best up to each training checkpoint: a run that goes on from one of them may find nothing
    // better, and has forgotten what was measured since.
    std::set<std::int64_t> wanted_steps() const {
        std::set<std::int64_t> steps;
        const auto add_best_until = [&](std::int64_t last) {
            std::vector<Checkpoint> known;
            std::ranges::copy_if(checkpoints_, std::back_inserter(known),
                                 [&](auto& item) { return item.step <= last; });
            if (const auto best = best_checkpoint(known, options_)) steps.insert(known[*best].step);
        };
        add_best_until(checkpoints_.back().step);
        for (const std::int64_t step : train::checkpoint_steps(training_folder(work_))) add_best_until(step);
        return steps;
    }

    const dist::Comm& comm_;
    model::Decoder& decoder_;
    const ForgetOptions& options_;
    const HoldoutLoss& holdout_loss_;
    const ForgetMeasure& measure_;
    std::filesystem::path work_, log_;
    std::vector<Checkpoint> checkpoints_;
};

std::vector<at::Tensor> copies_of(const model::Decoder& decoder) {
    std::vector<at::Tensor> out;
    for (const auto& parameter : decoder.parameters()) out.push_back(parameter.tensor.detach().clone());
    return out;
}

}  // namespace

std::vector<std::string> ForgetOptions::validate() const {
    Problems problems;
    for (const std::string& problem : train.validate()) problems.add("{}", problem);
    if (measure_steps < 0) problems.add("measuring every {} steps", measure_steps);
    if (utility_budget && !(*utility_budget >= 0)) problems.add("utility budget {} is negative", *utility_budget);
    if (repetition_budget && !(*repetition_budget >= 0))
        problems.add("repetition budget {} is negative", *repetition_budget);
    return problems.items();
}

std::optional<std::size_t> best_checkpoint(const std::vector<Checkpoint>& checkpoints, const ForgetOptions& options) {
    const auto cost = [&](const Checkpoint& now) { return cost_of(checkpoints.front(), now, options); };
    std::optional<std::size_t> best;
    for (std::size_t i = 1; i < checkpoints.size(); ++i) {
        const Checkpoint& now = checkpoints[i];
        if (now.familiarity) {
            if (!keeps_utility(checkpoints.front(), now, options)) continue;
            if (!keeps_fluency(checkpoints.front(), now, options)) continue;
            if (!best || cost(now) < cost(checkpoints[*best])) best = i;
        } else if (!best || !now.holdout_loss || *now.holdout_loss < *checkpoints[*best].holdout_loss) {
            best = i;
        }
    }
    return best;
}

Json ForgetReport::to_json() const {
    Json rows = Json::array();
    for (const Checkpoint& checkpoint : checkpoints) rows.push_back(checkpoint_json(checkpoint));
    Json conflict = Json::array();
    for (const train::ParameterConflict& one : train.conflict) {
        conflict.push_back({{"parameter", one.name},
                            {"cosine", one.products.cosine()},
                            {"forget_norm", std::sqrt(one.products.forget)},
                            {"retain_norm", std::sqrt(one.products.retain)}});
    }
    return {{"best_step", best_step},         {"within_budget", within_budget},
            {"stopped_early", stopped_early}, {"changed_share", train.changed_share},
            {"conflict", conflict},           {"checkpoints", rows}};
}

ForgetReport forget(const dist::Comm& comm, dist::Collectives& collectives, model::Decoder& decoder,
                    train::Objective& objective, const HoldoutLoss& holdout_loss, const ForgetOptions& options,
                    const std::filesystem::path& work, const ForgetMeasure& measure,
                    const train::StepHook& after_step) {
    const dist::StageScope stage("forget");
    if (const auto problems = options.validate(); !problems.empty()) {
        fail(ErrorKind::kUsage, "forget: {}", fmt::join(problems, "; "));
    }
    dist::run_agreed(comm, "forget", [&] { std::filesystem::create_directories(work); });
    ForgetReport report;
    // Only a budget can end with the weights as they came.
    const bool with_budget = options.utility_budget || options.repetition_budget;
    const std::vector<at::Tensor> untrained = with_budget ? copies_of(decoder) : std::vector<at::Tensor>{};
    Watch watch(comm, decoder, options, holdout_loss, measure, work);
    if (!watch.knows(0)) watch.look(0);
    report.train = train::train(comm, collectives, decoder, objective, options.train, training_folder(work),
                                [&](const train::StepReport& step) {
                                    const bool due =
                                        options.measure_steps > 0 && step.step % options.measure_steps == 0;
                                    const bool go_on = !after_step || after_step(step);
                                    return (due || step.step == step.steps ? watch.look(step.step) : true) && go_on;
                                });
    report.stopped_early = report.train.stopped_early;
    watch.finish(untrained, report);
    log_info("forget: step {} kept{}", report.best_step, report.within_budget ? "" : " (no step kept to the budgets)");
    return report;
}

}  // namespace nepenthe::unlearn
