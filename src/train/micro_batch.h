#pragma once
// What one forward pass holds: a few samples side by side. Its shape depends on its samples only, so that a micro-batch
// gives the same bits on whatever rank computes it.

#include "model/decoder.h"
#include "train/sample.h"
#include "train/targets.h"

#include <ATen/core/Tensor.h>

#include <vector>

namespace nepenthe::train {

struct MicroBatch {
    model::Batch batch;       // right-padded to the longest sample
    at::Tensor supervised;    // [n] int64: positions with a label, counted over [batch * position]
    Targets targets;          // of these n positions
    double weight = 0;        // sum of the targets' weights
    std::int64_t tokens = 0;  // supervised or not, padding left out

    std::int64_t supervised_count() const { return targets.size(); }
};

// Throws Error(kData) on empty samples, labels or targets not parallel to ids, ids or labels outside the
// vocabulary, and targets that are no distributions.
MicroBatch make_micro_batch(const std::vector<Sample>& samples, std::int64_t vocabulary, at::Device device);

}  // namespace nepenthe::train
