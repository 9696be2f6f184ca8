#pragma once
// How well a model that knows an answer still predicts it once its states were replaced by another model's: activation
// patching, as the unlearning depth score has it (arXiv 2605.24614). specs: objectives.md §7.

#include "evaluate/likelihood_request.h"
#include "model/decoder.h"

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <span>
#include <vector>

namespace nepenthe::evaluate {

// One answer under one model. The states replaced are the outputs of a block at the positions that predict the answer's
// tokens, all that the blocks behind it compute there; what came before these positions stays as it was. So the context
// goes through the model once, and behind every block only the answer's positions do, those of all layers side by side.
class PatchedScores {
  public:
    // `knowing` and `pair` must outlive this. Throws Error(kData) for a model with a side memory.
    PatchedScores(const model::Decoder& knowing, const EncodedPair& pair);

    // Mean log-probability of the answer's tokens, nats: of the model as it is, …
    double clean() const { return clean_; }
    struct Scores {
        std::vector<double> by_layer;  // … with the output of block l replaced, …
        // … and of the last block by states behind the final norm, which the model then norms again: what the published
        // code takes for the last block's output (transformers' `output_hidden_states`).
        double last_as_published = 0;
    };
    // `states` as answer_states() of the other model on the same pair.
    Scores with(std::span<const at::Tensor> states, const model::Decoder& other) const;

  private:
    // Mean over the answer's tokens, row after row.
    std::vector<double> means(const at::Tensor& states) const;

    const model::Decoder& knowing_;
    std::span<const text::TokenId> answer_;
    std::vector<std::int64_t> fed_;  // ids at the positions that predict the answer
    model::KvCache before_;          // keys and values of the positions before them
    double clean_ = 0;
};

}  // namespace nepenthe::evaluate
