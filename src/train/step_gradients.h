#pragma once
// The gradients of one step: its micro-batches shared out, computed, and summed over all ranks.

#include "dist/collectives.h"
#include "dist/comm.h"
#include "train/backward_pass.h"
#include "train/fixed_point.h"
#include "train/gradient_buckets.h"
#include "train/objective.h"
#include "train/trained_weights.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace nepenthe::train {

struct StepOptions {
    std::string label = "train";
    LossMean loss_mean = LossMean::kGlobalBatch;
    bool activation_checkpointing = false;
    std::optional<FixedPoint> fixed = {};  // sums that no number of ranks changes
    at::Tensor moving = {};                // [shard_numel] bool: gradients of all other weights are zero
};

// What all ranks know of a step once its gradients are summed.
struct StepSums {
    double loss = 0;
    std::vector<double> means;  // by term
    std::int64_t tokens = 0;
};

class StepGradients {
  public:
    // All arguments but `options` must outlive this.
    StepGradients(const dist::Comm& comm, dist::Collectives& collectives, const model::Decoder& decoder,
                  const Objective& objective, const TrainedWeights& weights, const StepOptions& options);

    // Collective. `micro_batches`: of the whole step, the same on all ranks; each rank computes its share of them.
    // `number` names the step in errors. Afterwards gradients() has this rank's part of the sum. Throws Error(kData)
    // where no position has a label, Error(kGate) for a gradient that is not finite.
    StepSums run(std::int64_t number, const std::vector<std::vector<Visit>>& micro_batches, Sides sides = {});

    // This rank's shard, fp32 [shard_numel].
    const at::Tensor& gradients() const { return buckets_.shard(); }
    // Collective. Norm over all weights that move.
    double norm() const { return buckets_.norm(comm_); }

  private:
    const dist::Comm& comm_;
    const model::Decoder& decoder_;
    const Objective& objective_;
    StepOptions options_;
    GradientBuckets buckets_;
    BackwardPass backward_;
};

}  // namespace nepenthe::train
