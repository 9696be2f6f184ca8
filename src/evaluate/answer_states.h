#pragma once
// What the blocks of a model write where an answer is predicted.

#include "evaluate/likelihood_request.h"
#include "model/decoder.h"

#include <ATen/core/Tensor.h>

#include <span>
#include <vector>

namespace nepenthe::evaluate {

// What is fed of a pair: all but the last token, which is predicted, [1, position]; the context is the prompt.
model::Batch answer_batch(const EncodedPair& pair, at::Device device);

// The output of every block at the positions that predict pair.ids[pair.context:], before any norm that follows the
// last block: by layer, [tokens of the answer, hidden] in the compute dtype. One pass, no gradient. A side memory
// decides by the context alone. `cache` is filled where it is given.
std::vector<at::Tensor> answer_states(const model::Decoder& decoder, const EncodedPair& pair,
                                      model::KvCache* cache = nullptr);

// log p of the answer's tokens read off by final norm and unembedding from `states`, [rows · tokens, hidden]; and
// whether each is the most likely one. Row after row: [rows · tokens].
struct AnswerScores {
    std::vector<double> log_probabilities;
    std::vector<bool> most_likely;
};
AnswerScores score_answers(const model::Decoder& decoder, const at::Tensor& states,
                           std::span<const text::TokenId> answer);

}  // namespace nepenthe::evaluate
