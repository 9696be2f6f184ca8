#pragma once
// Attention of a few queries, as in a decoding step or in an edit that continues a cached prefix: matrix products of a
// handful of rows cost more to start than to compute, so each head is plain loops over its queries and keys.

#include "model/attention_kernel.h"

namespace nepenthe::model {

// Whether the loops are the faster way for `positions` queries a row.
bool is_short(std::int64_t positions);

// As attention_forward and attention_backward compute them, all sums in fp32.
void short_attention_forward(const at::Tensor& query, const at::Tensor& key, const at::Tensor& value,
                             const AttentionOptions& options, AttentionResult& result);
// dquery [batch, position, head, head_dim], dkey and dvalue [batch, key, kv_head, head_dim], contiguous, are written.
void short_attention_backward(const at::Tensor& gradient, const at::Tensor& query, const at::Tensor& key,
                              const at::Tensor& value, const at::Tensor& log_sums, const AttentionOptions& options,
                              at::Tensor& dquery, at::Tensor& dkey, at::Tensor& dvalue);

}  // namespace nepenthe::model
