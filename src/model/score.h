#pragma once
// Log-probabilities of tokens, with the head applied in chunks and only at wanted positions.

#include "model/decoder.h"
#include "model/token_scores.h"
#include "text/tokenizer.h"

#include <cstdint>
#include <span>
#include <vector>

namespace nepenthe::model {

// log p(targets[i]) at hidden states[i]: [n, hidden] (before the final norm), [n] int64 → [n] fp32. No gradient.
at::Tensor token_log_probabilities(const Decoder& decoder, const at::Tensor& hidden, const at::Tensor& targets);

// One sequence to be scored from token `first` on (first >= 1): the sum covers log p(ids[t] | ids[<t]), t >= first. The
// last token is predicted, not fed: a request may hold one token more than the model has positions.
struct ScoreRequest {
    std::vector<text::TokenId> ids;
    std::size_t first = 1;
};
struct ScoreResult {
    double log_likelihood = 0;     // nats, summed in fp64
    std::int64_t tokens = 0;       // how many were scored
    bool greedy = true;            // every scored token was the argmax (ties → lowest id)
    std::vector<float> per_token;  // log p of every scored token
    std::vector<bool> is_greedy;   // of every scored token: it was the argmax
    // Mean and variance of log p under p where every scored token stands; empty where they were not asked for.
    std::vector<double> mean, variance;
};
// Scores requests one batch at a time, longest first, right-padded, at most `tokens_per_batch` tokens a batch; results
// in request order. A result does not depend on what else is in the call only within floating-point noise; callers that
// promise byte-identity over ranks call it once per block.
std::vector<ScoreResult> score_sequences(const Decoder& decoder, std::span<const ScoreRequest> requests,
                                         std::int64_t tokens_per_batch = 2048, Moments moments = Moments::kNone);

// Sliding windows over one long text: each window holds `window` tokens and advances by `stride`; a token is scored
// once, in the first window that holds it. The first token of the text is not scored (nothing predicts it) unless BOS
// stands there.
struct WindowOptions {
    std::int64_t window = 0;  // 0 = the model's maximum, at most 2048
    std::int64_t stride = 0;  // 0 = window / 2
};
std::vector<ScoreRequest> sliding_windows(std::span<const text::TokenId> ids, const WindowOptions& options);

}  // namespace nepenthe::model
