#pragma once
// The cross-entropy of a large vocabulary, computed in chunks and only at supervised positions.

#include "model/decoder.h"

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace nepenthe::train {

inline constexpr std::int64_t kIgnore = -100;

// Sum over n positions of -log softmax(unembed(final_norm(hidden)))[target], nats; differentiable in `hidden` and in the
// unembedding. hidden: [n, hidden] before the final norm, targets: [n] int64, none ignored. The gradient is formed
// together with the loss, `chunk` positions at a time, so at most chunk × vocabulary logits exist. Soft caps and
// biases included. Returns a fp32 scalar; the sum over chunks is taken in fp64.
at::Tensor cross_entropy_sum(const model::Decoder& decoder, const at::Tensor& hidden, const at::Tensor& targets,
                             std::int64_t chunk = 0 /* 0 = chosen from the vocabulary */);

}  // namespace nepenthe::train
