#pragma once
// The combination of baseline and reinforced logits, and what is kept of it: v = b − α·ReLU(r − b), label = argmax v
// over the tokens that the baseline itself finds plausible, b ≥ max b + ln β: the adaptive constraint of contrastive
// decoding (arXiv 2210.15097). β = 0 leaves it out, as the published method does. specs: unlearning.md §2.4, §14.2,
// §19.
//
// b is the baseline's row on the translated text after the forbidden tokens got the mean logit (taken before that), r
// the reinforced model's row on the original text. With kLogProbs both are log-softmaxed first, because two models' raw
// logits are not on one scale. All arithmetic is fp32, sums of exponentials in a fixed order, so that labels are the
// same bytes wherever they are computed.

#include "base/error.h"
#include "text/tokenizer.h"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace nepenthe::unlearn {

enum class Combine { kLogits, kLogProbs };
std::string_view combine_name(Combine combine);  // "logits", "logprobs"
Combine parse_combine(std::string_view name);    // throws Error(kUsage)

// The least b of a plausible token where the greatest is `largest`.
float plausible_bar(float largest, float plausible);

struct CombineOptions {
    Combine combine = Combine::kLogProbs;
    std::vector<float> alphas;  // each ≥ 0 and finite
    std::int64_t top_k = 64;    // entries of highest b that are kept; at least 2, at most the vocabulary
    float plausible = 0;        // β, in 0 … 1
};

// Adds what is wrong with strengths and β, as options give them.
void check_label_rules(const std::vector<double>& alphas, double plausible, Problems& problems);

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

// The same from the stored top-k of one position alone. A token outside has v ≤ b ≤ the last kept b, so the label is
// certain when the winner's v is greater than that, or when no token outside is plausible.
struct TopKDecision {
    std::int32_t label = 0;
    float margin = 0;  // lower bound of the margin over the whole vocabulary when certified
    bool certified = false;
};
TopKDecision decide_from_top_k(std::span<const std::int32_t> index, std::span<const float> baseline,
                               std::span<const float> reinforced, float lse_baseline, float lse_reinforced, float alpha,
                               Combine combine, float plausible);

}  // namespace nepenthe::unlearn
