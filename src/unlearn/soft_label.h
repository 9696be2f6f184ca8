#pragma once
// The whole distribution that a position should predict, instead of its first choice: softmax of v over what is
// plausible (combine.h), with the probability that the baseline gives to all else left to all else.
//
// Where both models agree this is the baseline's own distribution, so that a model which is trained on it stays as
// calibrated as it was; what is taken from tokens that only the reinforced model says goes to the other plausible
// ones, never to words that no reader would write.

#include "train/targets.h"
#include "unlearn/combine.h"

namespace nepenthe::unlearn {

struct LabelRule {
    Combine combine = Combine::kLogProbs;
    float alpha = 5;
    float plausible = 0;  // β
};

// One row of CombinedRows' top-k.
struct TopKRow {
    std::span<const std::int32_t> index;
    std::span<const float> baseline, reinforced;  // logits
    float lse_baseline = 0, lse_reinforced = 0;
};
TopKRow top_k_row(const CombinedRows& rows, std::size_t row);

// Named are the plausible tokens of the top-k and `next`, the text's own next token: it is what must not be said where
// it is not plausible, and among "all others" it could keep their whole probability.
train::Distribution soft_label(const TopKRow& row, const LabelRule& rule, text::TokenId next);

// Lower bound, nats, of the Kullback-Leibler divergence of the reinforced model's distribution from the baseline's,
// KL(baseline ‖ reinforced): over the top-k and "all others", which by the log-sum inequality is never more.
double divergence(const TopKRow& row);

}  // namespace nepenthe::unlearn
