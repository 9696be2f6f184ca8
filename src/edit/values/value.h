#pragma once
// The value of a fact: what the second MLP matrix of a layer (or the block) must write at the subject's last token so
// that the model says the target. Many facts side by side; nothing is computed twice. specs: editing.md §1.4, §11, §18.

#include "edit/facts/edit_prompt.h"

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace nepenthe::edit {

// Where delta is added: at what the matrix writes (before any norm that follows it), or at the block's output.
enum class ValueSite { kMlpOutput, kBlockOutput };

struct ValueOptions {
    ValueSite site = ValueSite::kMlpOutput;
    std::int64_t layer = 0;
    std::int64_t steps = 20;  // the last one only looks: at most steps - 1 updates
    double lr = 0.5;          // Adam's, in absolute units …
    // … or, where positive, lr = relative_lr · ‖v0‖ / sqrt(hidden). Gemma 3 270M, layer 5, clamp 1: 0.8 reaches targets
    // in the fewest steps (8 facts: 0.1 leaves a nll of .8, 0.2 .11, 0.4 .03, 0.8 .02).
    double relative_lr = 0;
    double clamp = 4;  // ‖delta‖ ≤ clamp · ‖v0‖
    double decay = 0.5;  // decay · ‖delta‖ / ‖v0‖²: above stop_loss by itself where ‖v0‖ is small; then take 1e-3
    double kl = 0.0625;  // times KL(edited ‖ initial) at the subject's last token of "{} is a"
    double stop_loss = 0.05;
    std::vector<std::string> validate() const;
    Json to_json() const;
};

// The rows of one fact: rewriting rows with targets, and the row that holds the model still.
struct ValueProblem {
    std::vector<EditRow> rows;  // the bare prompt first
    EditRow kl_row;             // "{} is a"
};

struct FactValue {
    at::Tensor initial;  // [hidden] fp32: v0, of the bare prompt
    at::Tensor delta;    // [hidden] fp32; the value is initial + delta
    double nll = 0, kl = 0,
           decay = 0;  // terms of the loss at the last look, with their factors; NaN ends a fact at once
    double first_nll = 0;
    std::int64_t steps = 0;  // forward passes
    bool clamped = false;    // at the end
};

// Adam on every fact's delta, each with its own moments, stop and clamp; a fact that stopped leaves the batch. Hidden
// states below the edit and keys and values of positions before the subject's last token are computed once; a step
// computes the blocks above from the subject on, and logits at supervised positions alone. Not collective; bits depend
// on the facts of the call.
std::vector<FactValue> optimise_values(const model::Decoder& decoder, std::span<const ValueProblem> facts,
                                       const ValueOptions& options);

}  // namespace nepenthe::edit
