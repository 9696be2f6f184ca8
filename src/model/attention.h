#pragma once
// Causal attention with sliding windows, padding, grouped heads and soft caps. On CPUs a tiled kernel that never holds
// more than [tile, key] scores; elsewhere ATen's scaled_dot_product_attention.

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace nepenthe::model {

struct AttentionOptions {
    double scale = 1;         // scores are scale · q·k
    double soft_cap = 0;      // 0 = none, else cap · tanh(score / cap)
    std::int64_t window = 0;  // a query sees itself and window - 1 keys before it; 0 = all
    std::int64_t past = 0;    // index of query 0 among the keys
    at::Tensor key_mask;      // [batch, key] bool, true = real; undefined = all real. A query always sees itself.
    // [batch|1, head, key] fp32: added to scores, a query's own key's taken off; undefined = none. Not with a soft cap.
    at::Tensor key_bias;
};

// query [batch, head, position, head_dim]; key, value [batch, kv_head, key, head_dim] with key = past + position; the
// last axis dense, other strides free → [batch, position, head * head_dim]. Scores and softmax are fp32 also for bf16.
at::Tensor attention(const at::Tensor& query, const at::Tensor& key, const at::Tensor& value,
                     const AttentionOptions& options);

}  // namespace nepenthe::model
