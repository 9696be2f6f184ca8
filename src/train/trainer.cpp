#include "train/trainer.h"

#include "base/fault.h"
#include "base/log.h"
#include "base/progress.h"
#include "base/tree_sum.h"
#include "dist/guard.h"
#include "model/family/families.h"
#include "train/backward_pass.h"
#include "train/sample_order.h"
#include "train/schedule.h"
#include "train/training_checkpoint.h"

#include <torch/types.h>

#include <algorithm>
#include <chrono>
#include <cmath>

namespace nepenthe::train {

namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

// Parameters in the order of the layout, and the layout.
struct Weights {
    FlatLayout layout;
    std::vector<at::Tensor> tensors;
};

Weights lay_out(const model::Decoder& decoder, const Objective& objective, std::int64_t bucket_bytes, int ranks) {
    std::vector<ParameterShape> shapes;
    const std::vector<model::TensorSpec> specs = model::tensor_specs(decoder.config());  // in the same order
    for (std::size_t i = 0; const auto& [name, tensor] : decoder.parameters()) {
        const model::Role role = specs.at(i++).role;
        if (!objective.trains(name)) continue;
        // Heads with a weight each have their norms' in a matrix.
        const bool norm = role == model::Role::kQueryNorm || role == model::Role::kKeyNorm;
        shapes.push_back({name, tensor.numel(), tensor.dim() > 1 && !norm});
    }
    if (shapes.empty()) fail(ErrorKind::kUsage, "no weight of this model may move");
    Weights weights;
    weights.layout = make_layout(shapes, bucket_bytes / static_cast<std::int64_t>(sizeof(float)), ranks);
    for (const FlatParameter& parameter : weights.layout.parameters) {
        weights.tensors.push_back(decoder.parameter(parameter.name));
        weights.tensors.back().requires_grad_(true);
    }
    return weights;
}

// Whatever way training ends, the decoder is handed back without a graph.
struct GradientScope {
    explicit GradientScope(std::vector<at::Tensor>& parameters) : tensors(parameters) {}
    ~GradientScope() {
        for (at::Tensor& tensor : tensors) tensor.requires_grad_(false);
    }
    GradientScope(const GradientScope&) = delete;
    GradientScope& operator=(const GradientScope&) = delete;
    std::vector<at::Tensor>& tensors;
};

// The micro-batches of one step: their spans of the sample order, and which of them are this rank's.
struct StepPlan {
    std::vector<Span> micro_batches;
    Span mine;
};

StepPlan plan_step(const TrainOptions& options, std::int64_t step, std::int64_t total, const dist::Comm& comm) {
    const Span whole{(step - 1) * options.global_batch, std::min(step * options.global_batch, total)};
    StepPlan plan;
    plan.micro_batches = cut(whole, options.micro_batch);
    plan.mine = share_of(static_cast<std::int64_t>(plan.micro_batches.size()), comm.rank(), comm.size());
    return plan;
}

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
            {"deterministic", options.deterministic}};
}

// A table by term and micro-batch of a step; each rank fills in its own micro-batches.
class StepTable {
  public:
    StepTable(std::size_t terms, std::size_t micro_batches)
        : micro_batches_(micro_batches), values_(terms * micro_batches, 0.0) {}

    void set(std::size_t micro_batch, std::span<const double> by_term) {
        for (std::size_t term = 0; term < by_term.size(); ++term)
            values_[term * micro_batches_ + micro_batch] = by_term[term];
    }
    // Collective.
    void merge(const dist::Comm& comm) { comm.merge_owned(values_); }
    std::span<const double> of(std::size_t term) const {
        return std::span(values_).subspan(term * micro_batches_, micro_batches_);
    }

  private:
    std::size_t micro_batches_;
    std::vector<double> values_;
};

// What the numerators of a term are divided by: one number for all micro-batches, or each by its own.
class Denominators {
  public:
    Denominators(std::span<const double> by_micro_batch, LossMean mean)
        : by_micro_batch_(by_micro_batch.begin(), by_micro_batch.end()), mean_(mean), sum_(tree_sum(by_micro_batch_)) {
        for (const double value : by_micro_batch_) filled_ += value > 0 ? 1 : 0;
    }

    double sum() const { return sum_; }
    // 0 where there is nothing to be divided.
    double scale(std::size_t micro_batch) const {
        if (mean_ == LossMean::kGlobalBatch) return sum_ > 0 ? 1.0 / sum_ : 0.0;
        return by_micro_batch_[micro_batch] > 0 ? 1.0 / (by_micro_batch_[micro_batch] * filled_) : 0.0;
    }
    double mean_of(std::span<const double> numerators) const {
        if (mean_ == LossMean::kGlobalBatch) return sum_ > 0 ? tree_sum(numerators) / sum_ : 0.0;
        double mean = 0;
        for (std::size_t i = 0; i < numerators.size(); ++i) mean += numerators[i] * scale(i);
        return mean;
    }

  private:
    std::vector<double> by_micro_batch_;
    LossMean mean_;
    double sum_, filled_ = 0;
};

// What all ranks know of a step once its gradients are summed.
struct StepSums {
    double loss = 0;
    std::vector<double> means;  // by term
    std::int64_t tokens = 0;
};

class Loop {
  public:
    Loop(const dist::Comm& comm, dist::Collectives& collectives, model::Decoder& decoder, Objective& objective,
         const TrainOptions& options)
        : comm_(comm),
          decoder_(decoder),
          objective_(objective),
          options_(options),
          order_(options.seed, objective.items()),
          weights_(lay_out(decoder, objective, options.bucket_bytes, comm.size())),
          scope_(weights_.tensors),
          optimizer_(weights_.layout, weights_.tensors, collectives),
          buckets_(weights_.layout, weights_.tensors, collectives, fixed_point(options)),
          backward_(decoder, weights_.tensors, buckets_, options.activation_checkpointing) {
        total_ = objective.items() * options.epochs;
        steps_ = (total_ + options.global_batch - 1) / options.global_batch;
        if (options.max_steps > 0) {
            steps_ = options.max_steps;
            total_ = steps_ * options.global_batch;
        }
    }

    std::int64_t steps() const { return steps_; }
    const FlatLayout& layout() const { return weights_.layout; }
    ShardedAdamW& optimizer() { return optimizer_; }

    // Collective. One step, from samples to updated weights. `changed` grows by the weights whose bits changed.
    StepReport step(std::int64_t number, std::int64_t& changed) {
        const auto start = Clock::now();
        const StepSums sums = gradients(number);
        const double norm = buckets_.norm(comm_);
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
        std::int64_t moved = optimizer_.update(update, buckets_.shard());
        comm_.all_reduce_sum(std::span<std::int64_t>(&moved, 1));
        changed += moved;
        objective_.after_step(sums.means);
        return {number, steps_, sums.loss, update.lr, norm, seconds_since(start), sums.tokens, sums.means};
    }

  private:
    static std::optional<FixedPoint> fixed_point(const TrainOptions& options) {
        if (!options.deterministic) return std::nullopt;
        return FixedPoint(options.epsilon, (options.global_batch + options.micro_batch - 1) / options.micro_batch);
    }

    using MicroBatches = std::vector<std::unique_ptr<const MicroBatchLoss>>;

    MicroBatches read_micro_batches(const StepPlan& plan) {
        MicroBatches micro_batches;
        for (std::int64_t i = plan.mine.begin; i < plan.mine.end; ++i) {
            const Span span = plan.micro_batches[static_cast<std::size_t>(i)];
            std::vector<Visit> visits;
            for (std::int64_t position = span.begin; position < span.end; ++position) {
                visits.push_back({order_.at(position), position / objective_.items()});
            }
            micro_batches.push_back(objective_.read(visits, decoder_, {}));
        }
        return micro_batches;
    }

    // Sums the step's gradients over micro-batches and ranks into buckets_.
    StepSums gradients(std::int64_t number) {
        const StepPlan plan = plan_step(options_, number, total_, comm_);
        const auto first = static_cast<std::size_t>(plan.mine.begin);
        const std::vector<Term> terms = objective_.terms();
        MicroBatches micro_batches;
        dist::run_agreed(comm_, options_.label, [&] { micro_batches = read_micro_batches(plan); });
        StepSums sums;
        StepTable shares(terms.size(), plan.micro_batches.size());
        for (std::size_t i = 0; i < micro_batches.size(); ++i) {
            sums.tokens += micro_batches[i]->tokens();
            shares.set(first + i, micro_batches[i]->denominators());
        }
        comm_.all_reduce_sum(std::span<std::int64_t>(&sums.tokens, 1));
        shares.merge(comm_);
        std::vector<Denominators> denominators;
        for (std::size_t term = 0; term < terms.size(); ++term) {
            denominators.emplace_back(shares.of(term), options_.loss_mean);
        }
        if (std::ranges::none_of(denominators, [](const Denominators& all) { return all.sum() > 0; })) {
            fail(ErrorKind::kData, "step {}: none of its positions has a label", number);
        }

        StepTable numerators(terms.size(), plan.micro_batches.size());
        std::exception_ptr failure;
        buckets_.begin_step();
        try {
            fault_point("train.before_step");
            for (std::size_t i = 0; i < micro_batches.size(); ++i) {
                std::vector<double> scales;
                for (std::size_t term = 0; term < terms.size(); ++term) {
                    scales.push_back(terms[term].coefficient * denominators[term].scale(first + i));
                }
                buckets_.begin_micro_batch(i + 1 == micro_batches.size());
                numerators.set(first + i, micro_batches[i]->backward(backward_, scales));
                buckets_.end_micro_batch();
            }
            fault_point("train.backward");
        } catch (...) {
            failure = std::current_exception();
        }
        try {
            buckets_.finish();
        } catch (...) {
            // Without memory, say. The others wait for this rank's part, so that nothing can be agreed on: an error of
            // this rank alone ends the job.
            if (failure) std::rethrow_exception(failure);
            throw;
        }
        if (!failure) failure = buckets_.failure();
        dist::run_agreed(comm_, options_.label, [&] {
            if (failure) std::rethrow_exception(failure);
            if (!buckets_.not_finite().empty()) {
                fail(ErrorKind::kGate,
                     "step {}: the gradient of {} is not finite ({} parameters in all); no update was made", number,
                     buckets_.not_finite().front(), buckets_.not_finite().size());
            }
        });
        numerators.merge(comm_);
        for (std::size_t term = 0; term < terms.size(); ++term) {
            sums.means.push_back(denominators[term].mean_of(numerators.of(term)));
            sums.loss += terms[term].coefficient * sums.means.back();
        }
        return sums;
    }

    const dist::Comm& comm_;
    model::Decoder& decoder_;
    Objective& objective_;
    const TrainOptions& options_;
    SampleOrder order_;
    Weights weights_;
    GradientScope scope_;
    ShardedAdamW optimizer_;
    GradientBuckets buckets_;
    BackwardPass backward_;
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
    std::int64_t stored = 0;
    for (const FlatParameter& parameter : loop.layout().parameters) stored += parameter.numel;
    report.changed_share = static_cast<double>(state.changed_weights) / static_cast<double>(stored) /
                           static_cast<double>(std::max<std::size_t>(report.steps.size(), 1));
    return report;
}

}  // namespace nepenthe::train
