#pragma once
// The unlearning depth score of one answer (arXiv 2605.24614). specs: objectives.md §7.

#include <optional>
#include <span>

namespace nepenthe::evaluate {

// A layer holds knowledge where the retrained model's states cost the answer more than this, nats a token.
inline constexpr double kKnowledgeThreshold = .05;

// Of one layer: the share of what the retrained model lacks there that the other one lacks as well,
// clip(own / retrained, 0, 1); nothing where the layer holds no knowledge. Both are drops of the mean log-probability.
std::optional<double> share_gone(double retrained, double own);

// Σ retrained · share / Σ retrained over the layers that hold knowledge: 0 where all of it is still there, 1 where it
// is as gone as in the retrained model, nothing where no layer holds any.
std::optional<double> unlearning_depth(std::span<const double> retrained, std::span<const double> own);

}  // namespace nepenthe::evaluate
