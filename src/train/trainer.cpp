#include "train/trainer.h"

#include "base/log.h"
#include "base/progress.h"
#include "dist/guard.h"
#include "train/sample_order.h"
#include "train/schedule.h"
#include "train/sharded_adamw.h"
#include "train/step_gradients.h"
#include "train/training_checkpoint.h"

#include <torch/types.h>

#include <algorithm>
#include <chrono>
#include <cmath>

namespace nepenthe::train {

namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

Json key_of(const TrainOptions& options, std::int64_t items) {
    return {{"n_samples", items},
            {"lr", options.lr},
            {"schedule", static_cast<int>(options.schedule)},
            {"final_lr_share", options.final_lr_share},
            {"warmup_steps", options.warmup_steps},
            {"beta1", options.beta1},
            {"beta2", options.beta2},
            {"epsilon", options.epsilon},
            {"weight_decay", options.weight_decay},
            {"clip_norm", options.clip_norm},
            {"global_batch", options.global_batch},
            {"micro_batch", options.micro_batch},
            {"loss_mean", options.loss_mean == LossMean::kGlobalBatch ? "global batch" : "micro-batch"},
            {"epochs", options.epochs},
            {"max_steps", options.max_steps},
            {"seed", options.seed},
            {"deterministic", options.deterministic},
            {"mask", options.moving.digest},
            {"frozen", options.frozen},
            {"pair", {pair_name(options.pair.rule), options.pair.retain, options.pair.forget, options.pair.radius}}};
}

at::Tensor moving_on(at::Device device, const at::Tensor& moving) {
    return moving.defined() ? moving.to(device) : moving;
}

class Loop {
  public:
    Loop(const dist::Comm& comm, dist::Collectives& collectives, model::Decoder& decoder, Objective& objective,
         const TrainOptions& options)
        : comm_(comm),
          objective_(objective),
          options_(options),
          order_(options.seed, objective.items()),
          weights_(decoder, objective, options.bucket_bytes, comm.size(), options.frozen),
          moving_(moving_on(decoder.device(), moving_shard(weights_.layout(), options.moving, comm.rank()))),
          optimizer_(weights_.layout(), weights_.tensors(), collectives, moving_),
          gradients_(comm, collectives, decoder, objective, weights_, step_options()) {
        total_ = objective.items() * options.epochs;
        steps_ = (total_ + options.global_batch - 1) / options.global_batch;
        if (options.max_steps > 0) {
            steps_ = options.max_steps;
            total_ = steps_ * options.global_batch;
        }
    }

    std::int64_t steps() const { return steps_; }
    const FlatLayout& layout() const { return weights_.layout(); }
    ShardedAdamW& optimizer() { return optimizer_; }
    std::vector<ParameterConflict> take_conflict() { return std::move(conflict_); }

    // Collective. One step, from samples to updated weights. `changed` grows by the weights whose bits changed.
    StepReport step(std::int64_t number, std::int64_t& changed) {
        const auto start = Clock::now();
        at::Tensor gradient;
        double norm = 0;
        const StepSums sums =
            options_.pair.apart() ? paired_gradient(number, gradient, norm) : whole_gradient(number, gradient, norm);
        if (!std::isfinite(norm) || !std::isfinite(sums.loss)) {
            fail(ErrorKind::kGate, "step {}: loss {} and gradient norm {}: no update was made", number, sums.loss,
                 norm);
        }
        AdamWStep update{number,
                         learning_rate(options_, number, steps_),
                         options_.beta1,
                         options_.beta2,
                         options_.epsilon,
                         options_.weight_decay,
                         1.0};
        if (options_.clip_norm > 0 && norm > options_.clip_norm) update.gradient_scale = options_.clip_norm / norm;
        std::int64_t moved = optimizer_.update(update, gradient);
        comm_.all_reduce_sum(std::span<std::int64_t>(&moved, 1));
        changed += moved;
        objective_.after_step(sums.means);
        return {number, steps_, sums.loss, update.lr, norm, seconds_since(start), sums.tokens, sums.means};
    }

  private:
    StepSums whole_gradient(std::int64_t number, at::Tensor& gradient, double& norm) {
        const StepSums sums = gradients_.run(number, micro_batches(number));
        gradient = gradients_.gradients();
        norm = gradients_.norm();
        return sums;
    }

    // Of the side that is to be forgotten, here or where the pair's radius leads; what is reported is of here.
    StepSums forget_gradient(std::int64_t number, const std::vector<std::vector<Visit>>& all) {
        const Sides side{true, false};
        const StepSums sums = gradients_.run(number, all, side);
        const double norm = options_.pair.radius > 0 ? gradients_.norm() : 0;
        if (!(norm > 0 && std::isfinite(norm))) return sums;
        optimizer_.step_aside(gradients_.gradients(), options_.pair.radius / norm);
        gradients_.run(number, all, side);
        optimizer_.come_back();
        return sums;
    }

    bool retains() const {
        return std::ranges::any_of(objective_.terms(), [](const Term& term) { return term.side == Side::kRetain; });
    }

    // The two sides one after the other, then one step of both.
    StepSums paired_gradient(std::int64_t number, at::Tensor& gradient, double& norm) {
        const auto all = micro_batches(number);
        StepSums sums = forget_gradient(number, all);
        if (!retains()) {
            gradient = gradients_.gradients();
            norm = gradients_.norm();
            return sums;
        }
        at::Tensor forget = gradients_.gradients().detach().cpu().clone();
        const StepSums of_retain = gradients_.run(number, all, {false, true});
        const at::Tensor retain = gradients_.gradients().detach().cpu();
        // On devices nothing has looked yet.
        const bool finite = at::isfinite(forget).all().item<bool>() && at::isfinite(retain).all().item<bool>();
        if (comm_.all_reduce_or(!finite)) {
            fail(ErrorKind::kGate, "step {}: a gradient is not finite; no update was made", number);
        }
        conflict_ = pair_products(comm_, weights_.layout(), forget, retain);
        norm = combine_pair(options_.pair, sum_of(conflict_), forget, retain);
        gradient = forget.to(gradients_.gradients().device());
        // Each pass has the means of its own terms and zeros for the others'.
        sums.loss += of_retain.loss;
        sums.tokens += of_retain.tokens;
        for (std::size_t i = 0; i < sums.means.size(); ++i) sums.means[i] += of_retain.means[i];
        return sums;
    }

    StepOptions step_options() const {
        StepOptions step;
        step.label = options_.label;
        step.loss_mean = options_.loss_mean;
        step.activation_checkpointing = options_.activation_checkpointing;
        step.moving = moving_;
        if (options_.deterministic) {
            const std::int64_t most = (options_.global_batch + options_.micro_batch - 1) / options_.micro_batch;
            step.fixed = FixedPoint(options_.epsilon, most);
        }
        return step;
    }

    // Of step `number`, in the order of the samples.
    std::vector<std::vector<Visit>> micro_batches(std::int64_t number) {
        const Span whole{(number - 1) * options_.global_batch, std::min(number * options_.global_batch, total_)};
        std::vector<std::vector<Visit>> out;
        for (const Span& span : cut(whole, options_.micro_batch)) {
            std::vector<Visit>& visits = out.emplace_back();
            for (std::int64_t position = span.begin; position < span.end; ++position) {
                visits.push_back({order_.at(position), position / objective_.items()});
            }
        }
        return out;
    }

    const dist::Comm& comm_;
    Objective& objective_;
    const TrainOptions& options_;
    SampleOrder order_;
    TrainedWeights weights_;
    at::Tensor moving_;  // of this rank's shard; undefined: all weights move
    ShardedAdamW optimizer_;
    StepGradients gradients_;
    std::vector<ParameterConflict> conflict_;  // of the last step
    std::int64_t total_ = 0, steps_ = 0;
};

// Rank 0's clock decides for all.
bool checkpoint_due(const dist::Comm& comm, const TrainOptions& options, std::int64_t step, Clock::time_point last) {
    if (options.checkpoint_steps > 0 && step % options.checkpoint_steps == 0) return true;
    return options.checkpoint_minutes > 0 &&
           comm.all_reduce_or(comm.is_root() && seconds_since(last) >= 60.0 * options.checkpoint_minutes);
}

}  // namespace

std::vector<std::string> TrainOptions::validate() const {
    std::vector<std::string> problems;
    const auto require = [&](bool fine, std::string problem) {
        if (!fine) problems.push_back(std::move(problem));
    };
    require(lr > 0 && std::isfinite(lr), fmt::format("lr must be positive, is {}", lr));
    require(final_lr_share >= 0 && final_lr_share <= 1,
            fmt::format("final-lr-share must lie in [0, 1], is {}", final_lr_share));
    require(warmup_steps >= 0, fmt::format("warmup-steps must not be negative, is {}", warmup_steps));
    require(beta1 >= 0 && beta1 < 1, fmt::format("beta1 must lie in [0, 1), is {}", beta1));
    require(beta2 >= 0 && beta2 < 1, fmt::format("beta2 must lie in [0, 1), is {}", beta2));
    require(epsilon > 0, fmt::format("epsilon must be positive, is {}", epsilon));
    require(weight_decay >= 0, fmt::format("weight-decay must not be negative, is {}", weight_decay));
    require(clip_norm >= 0, fmt::format("clip-norm must not be negative, is {}", clip_norm));
    require(global_batch >= 1, fmt::format("global-batch must be at least 1, is {}", global_batch));
    require(micro_batch >= 1, fmt::format("micro-batch must be at least 1, is {}", micro_batch));
    require(epochs >= 1, fmt::format("epochs must be at least 1, is {}", epochs));
    require(max_steps >= 0, fmt::format("max-steps must not be negative, is {}", max_steps));
    require(checkpoint_steps >= 0, fmt::format("checkpoint-steps must not be negative, is {}", checkpoint_steps));
    require(checkpoint_minutes >= 0, fmt::format("checkpoint-minutes must not be negative, is {}", checkpoint_minutes));
    require(std::isfinite(pair.retain) && pair.retain >= 0,
            fmt::format("pair-retain must not be negative, is {}", pair.retain));
    require(std::isfinite(pair.forget) && pair.forget >= 0,
            fmt::format("pair-forget must not be negative, is {}", pair.forget));
    require(bucket_bytes >= 4096, fmt::format("buckets must hold at least 4096 bytes, are to hold {}", bucket_bytes));
    return problems;
}

TrainReport train(const dist::Comm& comm, dist::Collectives& collectives, model::Decoder& decoder, Objective& objective,
                  const TrainOptions& options, const std::filesystem::path& checkpoint_folder,
                  const StepHook& after_step) {
    const dist::StageScope stage(options.label);
    Problems problems;
    for (const std::string& problem : options.validate()) problems.add("{}", problem);
    if (objective.items() < 1) problems.add("there is nothing to train on");
    const std::vector<Term> terms = objective.terms();
    const auto has = [&](Side side) {
        return std::ranges::any_of(terms, [&](auto& term) { return term.side == side; });
    };
    if (options.pair.rule != PairRule::kSum && !(has(Side::kForget) && has(Side::kRetain)))
        problems.add("gradients of two sides are to be combined, and this objective has one");
    problems.throw_if_any(ErrorKind::kUsage, options.label);

    Loop loop(comm, collectives, decoder, objective, options);
    TrainingState state;
    state.key = key_of(options, objective.items());
    const bool with_checkpoints = !checkpoint_folder.empty();
    if (with_checkpoints && load_newest_checkpoint(comm, checkpoint_folder, loop.layout(), loop.optimizer(), state)) {
        objective.restore(state.objective);
        log_info("{}: continues after step {} of {}", options.label, state.reports.size(), loop.steps());
    }
    const auto save = [&] { save_checkpoint(comm, checkpoint_folder, loop.layout(), loop.optimizer(), state); };

    TrainReport report;
    auto last_save = Clock::now();
    Progress progress(options.label, "steps", static_cast<std::uint64_t>(loop.steps()), comm.is_root(),
                      state.reports.size());
    for (auto step = static_cast<std::int64_t>(state.reports.size()) + 1; step <= loop.steps(); ++step) {
        state.reports.push_back(loop.step(step, state.changed_weights));
        state.objective = objective.state();
        const StepReport& done = state.reports.back();
        progress.update(static_cast<std::uint64_t>(step), fmt::format("loss {:.4f}", done.loss));
        // Asked of all ranks even where this one has no hook: a collective that some leave out is a hang.
        report.stopped_early = comm.all_reduce_or(after_step && !after_step(done));
        if (report.stopped_early) break;
        if (comm.all_reduce_or(dist::stop_requested())) {
            if (!with_checkpoints)
                fail(ErrorKind::kResume, "stopped after step {}; without a checkpoint folder it starts anew", step);
            save();
            fail(ErrorKind::kResume, "stopped and saved after step {} of {}", step, loop.steps());
        }
        if (with_checkpoints && step < loop.steps() && checkpoint_due(comm, options, step, last_save)) {
            save();
            last_save = Clock::now();
        }
    }
    report.steps = std::move(state.reports);
    report.conflict = loop.take_conflict();
    std::int64_t stored = 0;
    for (const FlatParameter& parameter : loop.layout().parameters) stored += parameter.numel;
    report.changed_share = static_cast<double>(state.changed_weights) / static_cast<double>(stored) /
                           static_cast<double>(std::max<std::size_t>(report.steps.size(), 1));
    return report;
}

}  // namespace nepenthe::train
