#pragma once
// One fact written into the change D of a side memory, W' = W + D, by gradient descent. specs: editing.md §8.
//
// As published (EasyEdit's WISE.py), every step takes both losses and their gradients, the last one too; distances are
// means over all tokens of a row, target included; a row's loss is divided by one more than its target has tokens; D
// takes -lr · (masked gradient + decay · W'), within ± clamp; a fact is done before the step behind two losses that
// differ by no more than 1e-4, the last one not above stop_loss. Padding counts for nothing here.

#include "edit/facts/edit_prompt.h"
#include "edit/memories/quiet_directions.h"
#include "edit/memories/wise_options.h"
#include "model/decoder.h"

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <span>
#include <utility>
#include <vector>

namespace nepenthe::edit {

// Rows of tokens carried up to the second MLP matrix of a layer: all that training needs below it.
struct LayerRows {
    model::Context context;
    at::Tensor stream;    // [row, position, hidden]: the residual stream after attention
    at::Tensor key;       // [row, position, intermediate]
    at::Tensor output;    // [row, position, hidden]: what the matrix itself writes
    at::Tensor deciding;  // [row, position] bool: tokens that decide the routing
};
// `prompt_tokens[i]` of row i decide, as they will when the row's prompt is met. Right-padded. No gradient.
LayerRows run_to_layer(const model::Decoder& decoder, std::int64_t layer,
                       std::span<const std::vector<text::TokenId>> rows, std::span<const std::size_t> prompt_tokens);

// The scales that options' units are multiplied with.
struct SideScales {
    double unit = 1;   // of distances and margins
    double lr = 1;     // of the step
    double clamp = 1;  // of the largest change of an entry
};
// Of a model at `layer`, measured on rows (all but their first tokens); ones as published.
SideScales measure_scales(const model::Decoder& decoder, const WiseOptions& options,
                          std::span<const std::vector<text::TokenId>> rows);

struct SideLoss {
    double target = 0;      // mean over rows of the mean NLL of the target's tokens, nats
    double activation = 0;  // of the margins, in units
    double inside = 0;      // mean distance of the edit rows …
    double bare = 0;        // … and of the bare prompt
    double outside = 0;     // largest distance of the irrelevant rows
    double total() const { return target + activation; }
};

struct SideReport {
    SideLoss first, last;
    std::int64_t steps = 0;  // looks, of which the last one changes nothing; as published: updates
};

class SideTraining {
  public:
    // `mask` of zeros and ones in the stored orientation of the matrix, as is `change`. `quiet` [count, intermediate]:
    // directions of keys that the change does not react to (but for clamped entries); undefined = none.
    SideTraining(const model::Decoder& decoder, const WiseOptions& options, const SideScales& scales, at::Tensor mask,
                 const at::Tensor& quiet);

    // Writes a fact: rows with targets, the bare prompt first; `irrelevant` rows stay out of scope. Throws Error(kGate)
    // where the loss is not finite.
    SideReport write(std::span<const EditRow> rows, std::span<const std::vector<text::TokenId>> irrelevant);
    const at::Tensor& change() const { return change_; }
    // Pooled distances of rows under the present change, by which they would be routed: [row].
    at::Tensor distances(const LayerRows& rows) const;

  private:
    struct Problem;
    // Loss and, where wanted, gradient. `known_target` stands for the target's loss, whose gradient is then left out.
    SideLoss look(const Problem& problem, const double* known_target, at::Tensor* gradient) const;
    // Target loss and a scalar with its gradient by the change (through `addition`).
    std::pair<double, at::Tensor> target(const Problem& problem, const at::Tensor& addition) const;
    at::Tensor token_distances(const LayerRows& rows, const at::Tensor& addition) const;
    // Of a row, as the margins take them.
    at::Tensor pooled(const LayerRows& rows, const at::Tensor& addition) const;
    at::Tensor margins(const at::Tensor& inside, const at::Tensor& outside) const;
    SideReport descend(const Problem& problem);
    SideReport descend_as_published(const Problem& problem);
    void step(const at::Tensor& gradient);

    const model::Decoder& decoder_;
    WiseOptions options_;
    SideScales scales_;
    std::int64_t layer_;
    bool transposed_;
    at::Tensor weight_, mask_, change_;
    QuietProjection quiet_;
};

}  // namespace nepenthe::edit
