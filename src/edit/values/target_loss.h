#pragma once
// The two losses of a value, over a vocabulary that is visited tile by tile, once: the running softmax carries the
// gradient's weighted sum of unembedding rows along and rescales it when the maximum grows (as attention does in Dao et
// al., 2022), so that no logits outlive their tile. The unembedding is frozen: no gradient of it is formed.

#include "model/decoder.h"

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

namespace nepenthe::edit {

// What the unedited model said at the positions that hold it still.
struct ReferenceLogits {
    at::Tensor logits;             // [n, vocabulary] fp32; undefined until it is recorded
    std::vector<double> log_sums;  // [n]: log of the softmax's denominator
    ReferenceLogits select(const std::vector<std::int64_t>& rows) const;
};

struct TargetLoss {
    std::vector<double> losses;  // [rows], nats
    at::Tensor gradient;         // [rows, hidden] fp32: of each row's loss by its own normed state
};

// normed: [rows, hidden] in the compute dtype. The first targets.numel() rows get -log softmax[target], the others
// KL(softmax ‖ reference); where the reference is not recorded yet, this call records it and their loss is zero.
TargetLoss target_loss(const model::Decoder& decoder, const at::Tensor& normed, const at::Tensor& targets,
                       ReferenceLogits& reference);

// The same as tensor operations over whole rows of logits, which is what devices do.
TargetLoss composed_target_loss(const model::Decoder& decoder, const at::Tensor& normed, const at::Tensor& targets,
                                ReferenceLogits& reference);

}  // namespace nepenthe::edit
