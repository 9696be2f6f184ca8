#pragma once
// The mean gradients of the two sides of a forgetting objective, item by item: what scores are made of.

#include "dist/collectives.h"
#include "dist/comm.h"
#include "model/decoder.h"
#include "train/objective.h"
#include "train/trained_weights.h"

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>

namespace nepenthe::unlearn {

// Collective. Gradients of one side's terms, each item's by itself and then the mean over the items of one epoch (WAGLE
// sums the gradients of batches of one), this rank's shard [shard_numel] fp32. Summed in fixed point: the same bits on
// any number of ranks.
at::Tensor mean_gradient(const dist::Comm& comm, dist::Collectives& collectives, const model::Decoder& decoder,
                         const train::Objective& objective, const train::TrainedWeights& weights, train::Side side,
                         const std::string& label);

}  // namespace nepenthe::unlearn
