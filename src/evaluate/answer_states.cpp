#include "evaluate/answer_states.h"

#include "model/token_scores.h"

#include <torch/types.h>

namespace nepenthe::evaluate {

model::Batch answer_batch(const EncodedPair& pair, at::Device device) {
    const std::vector<std::int64_t> fed(pair.ids.begin(), pair.ids.end() - 1);
    model::Batch batch{at::tensor(fed, at::kLong).unsqueeze(0).to(device), {}};
    batch.prompt = at::arange(batch.ids.size(1), batch.ids.options()).lt(static_cast<std::int64_t>(pair.context));
    batch.prompt = batch.prompt.unsqueeze(0);
    return batch;
}

std::vector<at::Tensor> answer_states(const model::Decoder& decoder, const EncodedPair& pair, model::KvCache* cache) {
    const at::NoGradGuard no_gradient;
    const model::Batch batch = answer_batch(pair, decoder.device());
    const std::int64_t length = batch.ids.size(1), context = static_cast<std::int64_t>(pair.context);
    const model::Context shared = decoder.context(batch, cache);
    at::Tensor hidden = decoder.embed(batch.ids, shared);
    std::vector<at::Tensor> states;
    for (std::int64_t layer = 0; layer < decoder.config().layers; ++layer) {
        hidden = decoder.block(layer, hidden, shared);
        states.push_back(hidden[0].narrow(0, context - 1, length - context + 1).clone());
    }
    return states;
}

AnswerScores score_answers(const model::Decoder& decoder, const at::Tensor& states,
                           std::span<const text::TokenId> answer) {
    const at::NoGradGuard no_gradient;
    const auto rows = states.size(0) / static_cast<std::int64_t>(answer.size());
    const std::vector<std::int64_t> ids(answer.begin(), answer.end());
    const at::Tensor targets = at::tensor(ids, at::kLong).repeat({rows}).to(decoder.device());
    const model::TokenScores scored = model::score_tokens(decoder, decoder.final_norm(states), targets);
    const at::Tensor logs = scored.log_probabilities.cpu().contiguous(), greedy = scored.greedy.cpu().contiguous();
    AnswerScores scores;
    for (std::int64_t i = 0; i < states.size(0); ++i) {
        scores.log_probabilities.push_back(static_cast<double>(logs.const_data_ptr<float>()[i]));
        scores.most_likely.push_back(greedy.const_data_ptr<bool>()[i]);
    }
    return scores;
}

}  // namespace nepenthe::evaluate
