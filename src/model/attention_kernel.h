#pragma once
// The tiled CPU kernel of attention.h, without autograd. Scores of a tile of queries against the keys that it can see
// are one matrix product; the softmax runs over them in place; backward recomputes them from the saved log-sums
// (Dao et al., 2022). Work is dealt to threads by (batch, head), so results do not depend on the number of threads.

#include "model/attention.h"

namespace nepenthe::model {

struct AttentionResult {
    at::Tensor output;    // [batch, position, head * head_dim]
    at::Tensor log_sums;  // [batch, head, position] fp32: log of the softmax's denominator
};
AttentionResult attention_forward(const at::Tensor& query, const at::Tensor& key, const at::Tensor& value,
                                  const AttentionOptions& options);

// The biases of one head's keys, or nullptr.
inline const float* bias_of(const AttentionOptions& options, std::int64_t batch, std::int64_t head) {
    if (!options.key_bias.defined()) return nullptr;
    const at::Tensor& bias = options.key_bias;
    return bias.const_data_ptr<float>() + (bias.size(0) == 1 ? 0 : batch) * bias.stride(0) + head * bias.stride(1);
}

struct AttentionGradients {
    at::Tensor query, key, value;
};
// `gradient` is [batch, position, head * head_dim], contiguous.
AttentionGradients attention_backward(const at::Tensor& gradient, const at::Tensor& query, const at::Tensor& key,
                                      const at::Tensor& value, const at::Tensor& log_sums,
                                      const AttentionOptions& options);

}  // namespace nepenthe::model
