#pragma once
// What the scores of a text's labelled tokens say about whether the model has seen it. All of one teacher-forced pass.
// Formulas and names are those of open-unlearning (evals/metrics), which leaves the last label of every text out; here
// all of them count.

#include <span>
#include <vector>

namespace nepenthe::evaluate {

// Share of tokens that are the most likely one (Tirumala et al. 2022, arXiv 2205.10770). `is_greedy` is not empty.
double exact_memorization(const std::vector<bool>& is_greedy);

// 1 − k/n, k in [0, n] the length of the shortest beginning behind which all tokens are the most likely ones (Wang et
// al. 2024): 1 where the text comes by itself, 0 where even its last token does not.
double extraction_strength(const std::vector<bool>& is_greedy);

// The share of tokens that Min-K looks at.
inline constexpr double kMinKShare = .4;

// −mean of the lowest max(1, ⌊share · n⌋) log-probabilities (Min-K % Prob, Shi et al. 2024, arXiv 2310.16789).
double min_k(std::span<const float> log_probabilities, double share = kMinKShare);

// The same of (log p − μ) / √max(σ², 10⁻⁶), μ and σ² the mean and variance of log p under p over the vocabulary at each
// position (Min-K++, Zhang et al. 2025, arXiv 2404.02936).
double min_k_plus_plus(std::span<const float> log_probabilities, std::span<const double> mean,
                       std::span<const double> variance, double share = kMinKShare);

}  // namespace nepenthe::evaluate
