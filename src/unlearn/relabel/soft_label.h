#pragma once
// The whole distribution that a position should predict, instead of its first choice: softmax of v over what is
// plausible (label_rule.h), with the probability that the baseline gives to all else left to all else.
//
// Where both models agree this is the baseline's own distribution, so that a model which is trained on it stays as
// calibrated as it was; what is taken from tokens that only the reinforced model says goes to the other plausible
// ones, never to words that no reader would write.

#include "text/tokenizer.h"
#include "train/targets.h"
#include "unlearn/relabel/label_rule.h"

namespace nepenthe::unlearn {

// Named are the plausible tokens of the top-k and `next`, the text's own next token: it is what must not be said where
// it is not plausible, and among "all others" it could keep their whole probability.
train::Distribution soft_label(const TopKRow& row, const LabelRule& rule, text::TokenId next);

// How far what a position should predict lies from what the book taught there: a lower bound, nats, of the
// Kullback-Leibler divergence KL(label ‖ reinforced), over the label's tokens that the top-k holds and "all others",
// which by the log-sum inequality is never more.
double divergence(const TopKRow& row, const train::Distribution& label);

}  // namespace nepenthe::unlearn
