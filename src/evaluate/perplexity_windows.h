#pragma once
// How a long text is cut into windows, in the two conventions for WikiText. (Sliding windows are in model/score.h.)

#include "model/score.h"
#include "text/tokenizer.h"

#include <cstdint>
#include <span>
#include <vector>

namespace nepenthe::evaluate {

// lm-evaluation-harness's loglikelihood_rolling: every token is predicted once, the first one from `prefix`; windows of
// `window` predictions follow one another, each after one token of context; the last, shorter one is moved back so
// that it fills the model. Requests hold window + 1 ids at most (the last id is only predicted).
std::vector<model::ScoreRequest> rolling_windows(std::span<const text::TokenId> ids, text::TokenId prefix,
                                                 std::int64_t window);

// Pruning and quantisation papers: disjoint windows of `window` tokens, the first token of each not predicted, what is
// left at the end dropped. A text shorter than one window is one window. Fewer than two tokens: Error(kData).
std::vector<model::ScoreRequest> fixed_windows(std::span<const text::TokenId> ids, std::int64_t window);

}  // namespace nepenthe::evaluate
