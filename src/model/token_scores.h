#pragma once
// The softmax over the vocabulary at chosen positions, without holding the logits: products with slices of the
// unembedding, each folded into a running maximum and sum. Logits are fp32 also for bf16 weights.

#include "model/decoder.h"

namespace nepenthe::model {

struct TokenScores {
    at::Tensor log_probabilities;  // [n] fp32, of the targets
    at::Tensor greedy;             // [n] bool: the target is the argmax, ties going to the lowest id
    at::Tensor best;               // [n] int64: the argmax
    // [n] fp64, of log p under p over the vocabulary at each position; undefined where they were not asked for.
    at::Tensor mean, variance;
};

enum class Moments : bool { kNone, kOfLogProbabilities };

// `normed` [n, hidden] after the final norm, `targets` [n] int64. No gradient.
TokenScores score_tokens(const Decoder& decoder, const at::Tensor& normed, const at::Tensor& targets,
                         Moments moments = Moments::kNone);

// The same as tensor operations over whole rows of logits, which is what devices do. n > 0.
TokenScores composed_token_scores(const Decoder& decoder, const at::Tensor& normed, const at::Tensor& targets,
                                  Moments moments = Moments::kNone);

}  // namespace nepenthe::model
