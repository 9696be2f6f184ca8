#pragma once
// The arithmetic under loss.h, free of autograd: normed states and an unembedding in, loss and gradients out.

#include "train/targets.h"

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <optional>

namespace nepenthe::train {

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
    // fp32 [vocabulary, hidden]: receives the unembedding's gradient; undefined = none wanted.
    at::Tensor unembedding_gradient = {};
    bool overwrite = true;  // of unembedding_gradient
};

struct HeadLoss {
    double sum = 0;               // of the rows' losses (targets.h), nats, before scaling
    at::Tensor normed_gradient;   // [n, hidden], compute dtype
    at::Tensor bias_gradient;     // [vocabulary] fp32; undefined without a bias
    bool finite_gradient = true;  // of the unembedding
};

HeadLoss head_loss(const HeadLossInput& input);

}  // namespace nepenthe::train
