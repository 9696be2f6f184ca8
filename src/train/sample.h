#pragma once
// One training sequence.

#include "text/tokenizer.h"
#include "train/targets.h"

#include <cstdint>
#include <vector>

namespace nepenthe::train {

// labels[t] is what position t should predict for position t+1 already shifted, i.e. the loss compares the logits at t
// with labels[t]; kIgnore = not supervised.
struct Sample {
    std::vector<text::TokenId> ids;
    std::vector<std::int64_t> labels;  // parallel to ids
    std::vector<Distribution> targets =
        {};  // empty, or parallel to ids: what supervised positions should predict instead
};

// Causal language modelling of a token block: labels[t] = ids[t+1], the last one ignored.
Sample causal_sample(const std::vector<text::TokenId>& ids);

}  // namespace nepenthe::train
