#pragma once
// One transformer block: attention and MLP with their norms and residuals, for every family.

#include "model/decoder.h"
#include "model/family/config.h"
#include "model/weights.h"

namespace nepenthe::model {

// The norm of a configuration, optionally with a residual added: [..., n] → the same.
at::Tensor apply_norm(const DecoderConfig& config, const at::Tensor& input, const Norm& norm,
                      const at::Tensor& residual = {});

// The stream behind attention that wrote `output` (block_attention_output).
at::Tensor block_with_attention(const DecoderConfig& config, const LayerWeights& weights, const at::Tensor& hidden,
                                const at::Tensor& output);

// The same block between its linear maps: what query, key and value read; what the heads gather from that, which the
// output matrix reads; the stream behind it; what the first MLP matrices read.
at::Tensor block_attention_input(const DecoderConfig& config, const LayerWeights& weights, const at::Tensor& hidden);
at::Tensor block_attention_key(const DecoderConfig& config, const LayerWeights& weights, std::int64_t layer,
                               const at::Tensor& attention_input, const Context& context);
at::Tensor block_after_attention_key(const DecoderConfig& config, const LayerWeights& weights, const at::Tensor& hidden,
                                     const at::Tensor& attention_key);
at::Tensor block_mlp_input(const DecoderConfig& config, const LayerWeights& weights, const at::Tensor& hidden,
                           const at::Tensor& after_attention);
at::Tensor block_expand(const DecoderConfig& config, const LayerWeights& weights, const at::Tensor& mlp_input);

// What the decoder's pieces of the same names compute, on given weights: activation checkpointing runs them again.
at::Tensor block_attention_output(const DecoderConfig& config, const LayerWeights& weights, std::int64_t layer,
                                  const at::Tensor& hidden, const Context& context);
at::Tensor block_after_attention(const DecoderConfig& config, const LayerWeights& weights, std::int64_t layer,
                                 const at::Tensor& hidden, const Context& context);
at::Tensor block_mlp_key(const DecoderConfig& config, const LayerWeights& weights, const at::Tensor& hidden,
                         const at::Tensor& after_attention);
at::Tensor block_mlp_output(const LayerWeights& weights, const at::Tensor& key);
at::Tensor block_after_mlp(const DecoderConfig& config, const LayerWeights& weights, const at::Tensor& after_attention,
                           const at::Tensor& output);
// All of them: one block.
at::Tensor block_forward(const DecoderConfig& config, const LayerWeights& weights, std::int64_t layer,
                         const at::Tensor& hidden, const Context& context);

// block_forward without keeping what it computes: the backward pass runs it again. The gradients are the same bits.
at::Tensor block_checkpointed(const DecoderConfig& config, const LayerWeights& weights, std::int64_t layer,
                              const at::Tensor& hidden, const Context& context);

}  // namespace nepenthe::model
