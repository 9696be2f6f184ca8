#pragma once
// The cross-entropy of a large vocabulary, computed in chunks and only at supervised positions.
//
// The gradient is formed together with the loss, `chunk` positions at a time, so at most chunk × vocabulary logits
// exist, and they are computed once: each tile of logits turns into softmax minus one-hot in place and goes into the
// two products that the gradients need. Soft caps and biases are included.

#include "model/decoder.h"
#include "train/head_loss.h"
#include "train/targets.h"

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace nepenthe::train {

// Sum over n positions of the loss of targets.h under softmax(unembed(final_norm(hidden))), nats; differentiable in
// `hidden`, in the unembedding and in its bias. hidden: [n, hidden] before the final norm. Returns a fp32 scalar; the
// sum over positions is taken in fp64.
at::Tensor cross_entropy_sum(const model::Decoder& decoder, const at::Tensor& hidden, const Targets& targets,
                             std::int64_t chunk = 0 /* 0 = chosen from the vocabulary */);

// Where the gradient of the unembedding goes when it bypasses autograd: a vocabulary's gradient is the largest tensor
// of a step, and autograd would hold two or three of it.
struct UnembeddingSink {
    at::Tensor gradient;  // [vocabulary, hidden] fp32, contiguous
    bool first = true;    // overwrite its content rather than add to it
};

struct SunkLoss {
    at::Tensor scaled;            // scale * sum, a fp32 scalar; call backward() on exactly this, with gradient one
    double sum = 0;               // as cross_entropy_sum, before scaling
    bool finite_gradient = true;  // of the unembedding (always true on devices)
};

// As cross_entropy_sum, multiplied with `scale`; the unembedding's gradient is in the sink when this returns, the one
// of `hidden` flows through `scaled`. An undefined sink: the unembedding does not move. With `weighing` the rows'
// gradients are weighed from their losses, and `scaled` stands for these gradients alone.
SunkLoss cross_entropy_into(const model::Decoder& decoder, const at::Tensor& hidden, const Targets& targets,
                            double scale, const UnembeddingSink& sink, const Weighing* weighing = nullptr);

}  // namespace nepenthe::train
