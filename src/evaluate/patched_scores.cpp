#include "evaluate/patched_scores.h"

#include "base/error.h"
#include "evaluate/answer_states.h"

#include <torch/types.h>

#include <utility>

namespace nepenthe::evaluate {

PatchedScores::PatchedScores(const model::Decoder& knowing, const EncodedPair& pair)
    : knowing_(knowing),
      answer_(std::span(pair.ids).subspan(pair.context)),
      fed_(pair.ids.begin() + static_cast<std::ptrdiff_t>(pair.context) - 1, pair.ids.end() - 1),
      before_(knowing.config().layers) {
    if (knowing.side_memory() != nullptr) {
        fail(ErrorKind::kData, "depth: the knowing model has a side memory, which answers behind its block");
    }
    model::KvCache cache(knowing.config().layers);
    const std::vector<at::Tensor> states = answer_states(knowing, pair, &cache);
    before_ = cache.prefix(static_cast<std::int64_t>(pair.context) - 1);
    clean_ = means(states.back()).front();
}

PatchedScores::Scores PatchedScores::with(std::span<const at::Tensor> states, const model::Decoder& other) const {
    const at::NoGradGuard no_gradient;
    const auto layers = std::ssize(states), tokens = static_cast<std::int64_t>(fed_.size());
    NEPENTHE_CHECK(layers == knowing_.config().layers);
    model::KvCache cache = before_;
    const model::Context context =
        knowing_.context({at::tensor(fed_, at::kLong).unsqueeze(0).to(knowing_.device()), {}}, &cache);
    at::Tensor rows;  // [layers patched so far, token, hidden]
    for (std::int64_t layer = 0; layer < layers; ++layer) {
        const at::Tensor entering = states[static_cast<std::size_t>(layer)].unsqueeze(0);
        rows = rows.defined() ? at::cat({knowing_.block(layer, rows, context), entering}) : entering;
    }
    // The scale of the logits is no part of the norm.
    const at::Tensor normed = other.final_norm(states.back()) / other.config().logit_scale;
    const at::Tensor all = at::cat({rows.reshape({layers * tokens, -1}), normed.to(rows.scalar_type())});
    Scores scores{means(all), 0};
    scores.last_as_published = scores.by_layer.back();
    scores.by_layer.pop_back();
    return scores;
}

std::vector<double> PatchedScores::means(const at::Tensor& states) const {
    const AnswerScores scored = score_answers(knowing_, states, answer_);
    std::vector<double> means;
    for (std::size_t first = 0; first < scored.log_probabilities.size(); first += answer_.size()) {
        double sum = 0;
        for (std::size_t i = first; i < first + answer_.size(); ++i) sum += scored.log_probabilities[i];
        means.push_back(sum / static_cast<double>(answer_.size()));
    }
    return means;
}

}  // namespace nepenthe::evaluate
