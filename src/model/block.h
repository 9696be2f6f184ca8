#pragma once
// One transformer block: attention and MLP with their norms and residuals, for every family.

#include "model/config.h"
#include "model/decoder.h"
#include "model/weights.h"

namespace nepenthe::model {

// The norm of a configuration, optionally with a residual added: [..., n] → the same.
at::Tensor apply_norm(const DecoderConfig& config, const at::Tensor& input, const Norm& norm,
                      const at::Tensor& residual = {});

// What block() and mlp_key() of the decoder compute, on given weights: activation checkpointing runs them again.
at::Tensor block_forward(const DecoderConfig& config, const LayerWeights& weights, std::int64_t layer,
                         const at::Tensor& hidden, const Context& context);
at::Tensor block_mlp_key(const DecoderConfig& config, const LayerWeights& weights, std::int64_t layer,
                         const at::Tensor& hidden, const Context& context);

// block_forward without keeping what it computes: the backward pass runs it again. The gradients are the same bits.
at::Tensor block_checkpointed(const DecoderConfig& config, const LayerWeights& weights, std::int64_t layer,
                              const at::Tensor& hidden, const Context& context);

}  // namespace nepenthe::model
