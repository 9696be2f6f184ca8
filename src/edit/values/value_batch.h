#pragma once
// The forward pass of many facts' rows from the edited layer on, and its gradient by what is written there. Everything
// that does not depend on delta is computed once, when the batch is made. specs: editing.md §1.4, §11.

#include "edit/values/target_loss.h"
#include "edit/values/value.h"
#include "edit/values/value_group.h"

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

namespace nepenthe::edit {

struct ValueLoss {
    double nll = 0;  // mean over the rewriting rows of the mean over the target's tokens
    double kl = 0;   // unweighted
};

class ValueBatch {
  public:
    // `facts` must outlive the batch. With kl_weight 0 nothing holds the model still.
    ValueBatch(const model::Decoder& decoder, std::span<const ValueProblem> facts, ValueSite site, std::int64_t layer,
               double kl_weight);

    // [fact, hidden] fp32: what stands at the site in the bare prompts.
    const at::Tensor& initial() const { return initial_; }

    // Losses per fact with delta [fact, hidden] fp32 added at the site of every row. The first call records what the
    // unedited model says: delta must be zero then.
    std::vector<ValueLoss> forward(const at::Tensor& delta);
    // Gradient of nll + kl_weight · kl of the last forward: [fact, hidden] fp64, summed over rows in their order.
    at::Tensor backward();
    // The batch of facts which[i] (ascending) alone.
    void keep(const std::vector<std::int64_t>& which);

  private:
    void number_positions();

    const model::Decoder& decoder_;
    double kl_weight_;
    at::Tensor initial_;
    std::vector<std::int64_t> rewriting_rows_;  // per fact
    std::vector<std::unique_ptr<ValueGroup>> groups_;
    ReferenceLogits reference_;

    // Supervised positions, the targets' first, then those that hold the model still.
    struct Position {
        std::int64_t fact = 0;
        double weight = 0;  // in the loss of its fact
        bool held = false;
    };
    std::vector<Position> positions_;
    at::Tensor order_;              // their places in the concatenation over groups
    at::Tensor targets_;            // [target positions]
    at::Tensor normed_, gradient_;  // of the last forward: [position, hidden]
};

}  // namespace nepenthe::edit
