#pragma once
// How much each weight matters for forgetting, by which it is chosen whether it may move.
//
//     wagle      |(w − g_r/γ) · g_f|   arXiv 2410.17509, equation of S and `snip_advanced` of its code: what a weight
//                                      does for the forget loss, less what moving it does to the retain loss, whose
//                                      Hessian is taken as γ·I
//     gradient   |g_f|
//     snip       |g_f · w|             Lee et al., "SNIP", 2019
//     magnitude  |w|
//     wanda      rank of |w| · ‖x‖₂ among the weights of the same output (wanda.h)
//     random     uniform in [0, 1)     a function of (seed, index of the weight) alone
//
// g_f and g_r are mean gradients: of the forget and of the retain loss, each divided by its number of items. γ belongs
// to these means, so that it stays what it is for another number of items, batch or ranks. The published code divides
// by μ where it holds sums of gradients of a quarter of the loss: γ = 4·μ/items (μ = 1e-6 and 400 items: 1e-8).

#include "unlearn/attribution/parameter_table.h"

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace nepenthe::unlearn {

enum class ScoreKind : std::uint8_t { kWagle, kGradient, kSnip, kMagnitude, kWanda, kRandom };

std::string_view score_name(ScoreKind kind);  // "wagle", "gradient" … as above
// Throws Error(kUsage) with the names that there are.
ScoreKind parse_score(std::string_view name);
std::vector<std::string> score_names();

// What a kind is computed from; tensors that it does not read may be undefined.
struct ScoreInputs {
    at::Tensor weights = {};              // [n] fp32, this rank's shard
    at::Tensor forget_gradient = {};      // [n] fp32, mean
    at::Tensor retain_gradient = {};      // [n] fp32, mean
    at::Tensor output_ranks = {};         // [n] fp32, of wanda_shard()
    double gamma = 0;                     // of mean gradients; > 0 for kWagle
    std::uint64_t seed = 0;               // kRandom
    std::vector<ShardRange> ranges = {};  // kRandom: which weights the shard holds
};
bool reads_weights(ScoreKind kind);
bool reads_forget_gradient(ScoreKind kind);
bool reads_retain_gradient(ScoreKind kind);
bool reads_output_ranks(ScoreKind kind);

// Scores [n] fp32, written into `out`, which may be one of the inputs; not negative. Computed in fp64 and rounded
// once: products of small numbers do not vanish before their time. Where the shard holds padding, the score of zeros
// (kRandom leaves it as it is).
void score(ScoreKind kind, const ScoreInputs& inputs, const at::Tensor& out);

// The score of kRandom, in steps of 2^-24.
float random_score(std::uint64_t seed, std::int64_t index);

}  // namespace nepenthe::unlearn
