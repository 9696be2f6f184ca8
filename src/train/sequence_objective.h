#pragma once
// Objectives that are made of the likelihoods of sequences: all but those that look at hidden states.
//
// Every supervised position has a loss (targets.h). A term is their sum over the tokens; or some function of a whole
// sequence's losses, or of several sequences' that belong together, whose slope weighs each position's gradient. The
// losses are known before the gradient is formed (head_loss.h), so that such a function costs no second pass.

#include "train/head_loss.h"
#include "train/micro_batch.h"
#include "train/objective.h"
#include "train/sample.h"

#include <functional>
#include <memory>
#include <span>
#include <vector>

namespace nepenthe::train {

// The losses of a sequence's supervised positions, nats, and what the frozen start is known to say of it.
struct SequenceLosses {
    std::span<const double> losses;
    double known = 0;
};

// The numerator of the sequences that belong together, and d numerator / d loss of each of their positions, one
// sequence behind the other.
using SequenceLoss = std::function<double(std::span<const SequenceLosses> sequences, std::span<double> slopes)>;

struct SequenceTerm : Term {
    // Empty: the sum of the losses, by their targets' weights; the denominator is the sum of these weights.
    SequenceLoss loss = {};
    // With `loss`: the denominator counts groups of sequences, or else their positions.
    bool per_sequence = true;
    RowLoss row_loss = RowLoss::kCrossEntropy;
};

// A sample as part of an item. Those of one term within an item belong together.
struct ItemSample {
    std::size_t term = 0;
    Sample sample;
    double known = 0;
};

class SequenceObjective : public Objective {
  public:
    explicit SequenceObjective(std::vector<SequenceTerm> terms) : terms_(std::move(terms)) {}

    std::vector<Term> terms() const override { return {terms_.begin(), terms_.end()}; }
    std::unique_ptr<const MicroBatchLoss> read(std::span<const Visit> visits, const model::Decoder& decoder,
                                               Sides sides) const override;

  protected:
    // The item's samples, ordered by term. Not collective.
    virtual std::vector<ItemSample> samples(const Visit& visit) const = 0;

    std::vector<SequenceTerm> terms_;
};

// One term: the mean loss of samples 0 … n-1. Language modelling, and fine-tuning on labels.
class SampleObjective : public SequenceObjective {
  public:
    SampleObjective(std::int64_t n, std::function<Sample(std::int64_t)> sample)
        : SequenceObjective({SequenceTerm{{.name = "loss"}}}), n_(n), sample_(std::move(sample)) {}

    std::int64_t items() const override { return n_; }

  protected:
    std::vector<ItemSample> samples(const Visit& visit) const override { return {{0, sample_(visit.item)}}; }

  private:
    std::int64_t n_;
    std::function<Sample(std::int64_t)> sample_;
};

}  // namespace nepenthe::train
