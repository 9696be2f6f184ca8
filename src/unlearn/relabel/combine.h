#pragma once
// The combination of baseline and reinforced logits over whole vocabularies, and what is kept of it (label_rule.h says
// how labels follow). The baseline's rows are those after the forbidden tokens got the mean logit (taken before that).
// Sums of exponentials are taken in a fixed order, so that labels are the same bytes wherever they are computed.

#include "text/tokenizer.h"
#include "unlearn/relabel/label_rule.h"

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace nepenthe::unlearn {

struct CombineOptions {
    Combine combine = Combine::kLogOdds;
    std::vector<float> alphas;  // each ≥ 0 and finite
    std::int64_t top_k = 64;    // entries of highest b that are kept; at least 2, at most the vocabulary
    float plausible = 0;        // β, in 0 … 1

    LabelRule rule(std::size_t alpha) const { return {combine, alphas[alpha], plausible}; }
};

// Results of n positions; rows lie one behind the other.
struct CombinedRows {
    std::int64_t alphas = 0, top_k = 0;
    std::vector<std::int32_t> label;        // [n, alpha], ties go to the lowest id
    std::vector<float> margin;              // [n, alpha], largest v minus second largest, -ln β where one is plausible
    std::vector<std::uint8_t> certificate;  // [n, alpha], 1: the top-k alone prove the label
    std::vector<std::int32_t> baseline_argmax;        // [n], argmax b
    std::vector<std::int32_t> top_index;              // [n, top_k], by falling b, ties by rising id
    std::vector<float> top_baseline, top_reinforced;  // [n, top_k], logits
    std::vector<float> lse_baseline, lse_reinforced;  // [n], log-sum-exp of the logits (of b after replacement)
    std::vector<float> mean_baseline;                 // [n], mean logit before replacement

    void resize(std::int64_t positions, std::int64_t alpha_count, std::int64_t k);
};

// Combines `positions` rows of `vocabulary` logits each. `baseline` is changed in place (forbidden tokens);
// forbidden[i] are the ids suppressed at row i. Results go to rows first … first + positions - 1 of `out`. Rows are
// shared among at::parallel_for's threads; each row's result does not depend on how. Throws Error(kGate) where a row
// holds a number that is not finite.
void combine_rows(std::span<float> baseline, std::span<const float> reinforced, std::int64_t positions,
                  std::int64_t vocabulary, std::span<const std::span<const text::TokenId>> forbidden,
                  const CombineOptions& options, CombinedRows& out, std::int64_t first);

// Row `row`'s top-k.
TopKRow top_k_row(const CombinedRows& rows, std::size_t row);

}  // namespace nepenthe::unlearn
