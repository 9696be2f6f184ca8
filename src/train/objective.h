#pragma once
// What training minimises, as a value: the loop (trainer.h) knows of methods only what stands here.
//
//     loss of a step = Σ over terms of coefficient · Σ numerators / Σ denominators,
//
// both sums over the whole global batch, whatever rank holds which part of it: no micro-batch and no number of ranks
// changes what a term weighs. An item is what a step counts: a block of text, or a sequence to be forgotten with the
// one that is retained beside it.

#include "base/json.h"
#include "model/decoder.h"

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace nepenthe::train {

class BackwardPass;

// What a term stands for. Methods that let the two sides disagree (masks, projected gradients) need them apart.
enum class Side { kForget, kRetain };

struct Term {
    std::string name;
    double coefficient = 1;
    Side side = Side::kForget;
};

// Terms of a pass: all of them, or one side's.
struct Sides {
    bool forget = true, retain = true;

    bool has(Side side) const { return side == Side::kForget ? forget : retain; }
};

// What a term's sums are taken over before they are divided. Published code averages the means of micro-batches, which
// lets a short answer weigh as much as a long one, and depends on how the batch was cut.
enum class LossMean { kGlobalBatch, kMicroBatch };

// An item as the loop meets it. What is drawn for it (a partner, a refusal) depends on these two and the seed, never on
// the rank or on what was drawn before.
struct Visit {
    std::int64_t item = 0, epoch = 0;
};

// What one forward pass adds to a step.
class MicroBatchLoss {
  public:
    virtual ~MicroBatchLoss() = default;

    // By term, known before any forward pass.
    virtual std::vector<double> denominators() const = 0;
    virtual std::int64_t tokens() const = 0;  // supervised or not, padding left out
    // Gradients of Σ scales[k] · numerator_k go into the pass's buckets. Returns the numerators.
    virtual std::vector<double> backward(const BackwardPass& pass, std::span<const double> scales) const = 0;
};

class Objective {
  public:
    virtual ~Objective() = default;

    virtual std::int64_t items() const = 0;  // of an epoch
    // The same number of terms throughout; coefficients may follow the steps.
    virtual std::vector<Term> terms() const = 0;
    // Not collective: each rank reads what it computes. Terms of the other side have denominators of 0.
    virtual std::unique_ptr<const MicroBatchLoss> read(std::span<const Visit> visits, const model::Decoder& decoder,
                                                       Sides sides) const = 0;
    // Which weights may move; all others are no part of the optimizer.
    virtual bool trains(const std::string& /* parameter */) const { return true; }

    // The means of all terms after a step, the same on all ranks, and what has come of them: kept in checkpoints.
    virtual void after_step(std::span<const double> /* means */) {}
    virtual Json state() const { return nullptr; }
    virtual void restore(const Json& /* state */) {}
};

}  // namespace nepenthe::train
