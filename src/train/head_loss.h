#pragma once
// The arithmetic under loss.h, free of autograd: normed states and an unembedding in, loss and gradients out.

#include "train/targets.h"

#include <ATen/core/Tensor.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

namespace nepenthe::train {

// What a row's loss is, z its logits, p their softmax, y the token that its target names.
enum class RowLoss {
    kCrossEntropy,  // of targets.h
    kHinge,         // 1 + p_y − max of p_v over v ≠ y: the inverted hinge loss (Cha et al., arXiv 2408.06621)
    kPeak,          // (max z − mean z)²: zero where all tokens are alike (Entesari et al., arXiv 2506.05314)
};

// Weights that are known only once the losses of a few consecutive rows are: a function of a whole sequence.
struct Weighing {
    // Rows of each group, one behind the other; all n in sum.
    std::vector<std::int64_t> groups;
    // Called once for each group, in order: the rows' losses, by their targets' weights → what their gradients are
    // multiplied with.
    std::function<void(std::size_t group, std::span<const double> losses, std::span<double> slopes)> weigh;
    std::vector<RowLoss> row_losses = {};  // by row; empty: all are the cross-entropy
};

struct HeadLossInput {
    at::Tensor normed;       // [n, hidden], compute dtype
    at::Tensor unembedding;  // [vocabulary, hidden], compute dtype
    at::Tensor bias = {};    // [vocabulary] or undefined
    Targets targets;         // of n positions
    double soft_cap = 0;     // 0 = none
    double scale = 1;        // of the gradients
    std::int64_t chunk = 0;  // positions at once; 0 = chosen from the vocabulary
    bool gradients = true;
    bool composed = false;  // whole rows of logits, as tensor operations; always so on devices
    const Weighing* weighing = nullptr;
    // fp32 [vocabulary, hidden]: receives the unembedding's gradient; undefined = none wanted.
    at::Tensor unembedding_gradient = {};
    bool overwrite = true;  // of unembedding_gradient
};

struct HeadLoss {
    double sum = 0;               // of the rows' losses (targets.h), nats, before scaling and weighing
    at::Tensor normed_gradient;   // [n, hidden], compute dtype
    at::Tensor bias_gradient;     // [vocabulary] fp32; undefined without a bias
    bool finite_gradient = true;  // of the unembedding
};

HeadLoss head_loss(const HeadLossInput& input);

}  // namespace nepenthe::train
