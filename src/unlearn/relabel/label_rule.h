#pragma once
// How a position's label follows from the two models' logits: v = b − α·ReLU(r − b), label = argmax v over the tokens
// that the baseline itself finds plausible. specs: unlearning.md §2.4, §14.2, §19.
//
// b is the baseline's row on the translated text, r the reinforced model's on the original one. What "r − b" means is
// the combination: raw logits, as published; log-probabilities, because two models' raw logits are not on one scale;
// log-odds, log p/(1 − p), because between probabilities of .95 and .99 there is all that a book has taught, and next
// to nothing between their logarithms.
//
// Plausible is what the baseline gives β times the probability of its first choice or more, the adaptive constraint of
// contrastive decoding (arXiv 2210.15097); with log-odds, of its first choice among the tokens that the reinforced
// model does not find likelier, since a baseline that knows the book is sure of the book's own word. β = 0 leaves the
// constraint out, as the published method does.

#include "base/error.h"

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace nepenthe::unlearn {

enum class Combine { kLogits, kLogProbs, kLogOdds };
std::string_view combine_name(Combine combine);  // "logits", "logprobs", "logodds"
Combine parse_combine(std::string_view name);    // throws Error(kUsage)

struct LabelRule {
    Combine combine = Combine::kLogOdds;
    float alpha = 5;
    float plausible = 0.1f;  // β, in 0 … 1
};

// Adds what is wrong with strengths and β, as options give them.
void check_label_rules(const std::vector<double>& alphas, double plausible, Problems& problems);

// The k tokens of highest baseline logit at one position, by falling logit.
struct TopKRow {
    std::span<const std::int32_t> index;
    std::span<const float> baseline, reinforced;  // logits
    float lse_baseline = 0, lse_reinforced = 0;   // log-sum-exp of the whole rows
};

// A rule at one position.
class PositionRule {
  public:
    PositionRule(const LabelRule& rule, float lse_baseline, float lse_reinforced);

    // v of a token with these logits, on the combination's scale; never more than its baseline logit there.
    float value(float baseline, float reinforced) const;
    float scaled(float baseline) const { return baseline - shift_b_; }
    // Whether the reinforced model finds it likelier than the baseline does.
    bool taught(float baseline, float reinforced) const { return reinforced - lse_r_ > baseline - lse_b_; }
    // The least baseline logit of a plausible token. `row` must hold the token that it is relative to; −∞ where it does
    // not, or where there is no constraint.
    float bar(const TopKRow& row) const;
    // How far the winner leads where no other token is plausible: the bar is what it leads by.
    float lone_margin() const;

  private:
    LabelRule rule_;
    float lse_b_, lse_r_, shift_b_, shift_r_;
};

// The label from the stored top-k alone. A token outside has v ≤ b ≤ the last kept b, so the label is certain when the
// winner's v is greater than that, or when no token outside is plausible.
struct TopKDecision {
    std::int32_t label = 0;
    float margin = 0;        // largest v minus second largest; a lower bound unless `exact`
    bool certified = false;  // the label is that of the whole vocabulary
    bool exact = false;      // everything plausible is in the top-k
};
TopKDecision decide_from_top_k(const TopKRow& row, const LabelRule& rule);

}  // namespace nepenthe::unlearn
