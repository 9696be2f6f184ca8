#include "train/step_gradients.h"

#include "base/error.h"
#include "base/fault.h"
#include "base/tree_sum.h"
#include "dist/guard.h"
#include "train/sample_order.h"

#include <ATen/core/Tensor.h>

#include <algorithm>
#include <memory>
#include <span>

namespace nepenthe::train {

namespace {

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

}  // namespace

StepGradients::StepGradients(const dist::Comm& comm, dist::Collectives& collectives, const model::Decoder& decoder,
                             const Objective& objective, const TrainedWeights& weights, const StepOptions& options)
    : comm_(comm),
      decoder_(decoder),
      objective_(objective),
      options_(options),
      buckets_(weights.layout(), weights.tensors(), collectives, options.fixed, options.moving),
      backward_(decoder, weights.tensors(), buckets_, options.activation_checkpointing) {}

StepSums StepGradients::run(std::int64_t number, const std::vector<std::vector<Visit>>& all, Sides sides) {
    const Span mine = share_of(std::ssize(all), comm_.rank(), comm_.size());
    const auto first = static_cast<std::size_t>(mine.begin);
    const std::vector<Term> terms = objective_.terms();
    std::vector<std::unique_ptr<const MicroBatchLoss>> micro_batches;
    dist::run_agreed(comm_, options_.label, [&] {
        for (std::int64_t i = mine.begin; i < mine.end; ++i) {
            micro_batches.push_back(objective_.read(all[static_cast<std::size_t>(i)], decoder_, sides));
        }
    });
    StepSums sums;
    StepTable shares(terms.size(), all.size());
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
    if (std::ranges::none_of(denominators, [](const Denominators& of_term) { return of_term.sum() > 0; })) {
        fail(ErrorKind::kData, "step {}: none of its positions has a label", number);
    }

    StepTable numerators(terms.size(), all.size());
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

}  // namespace nepenthe::train
