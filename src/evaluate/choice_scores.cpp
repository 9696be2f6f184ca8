#include "evaluate/choice_scores.h"

#include "model/score.h"

#include <algorithm>

namespace nepenthe::evaluate {

std::vector<std::vector<ChoiceScore>> score_choices(const model::Decoder& decoder, std::span<const EncodedItem> items) {
    std::vector<model::ScoreRequest> requests;
    for (const EncodedItem& item : items) {
        for (const EncodedPair& pair : item) requests.push_back({pair.ids, pair.context});
    }
    const std::vector<model::ScoreResult> results = model::score_sequences(decoder, requests);
    std::vector<std::vector<ChoiceScore>> scores;
    std::size_t next = 0;
    for (const EncodedItem& item : items) {
        std::vector<ChoiceScore> of_item;
        for (std::size_t choice = 0; choice < item.size(); ++choice, ++next) {
            of_item.push_back({results[next].log_likelihood, results[next].tokens, results[next].greedy});
        }
        scores.push_back(std::move(of_item));
    }
    return scores;
}

std::size_t first_largest(std::span<const double> values) {
    return static_cast<std::size_t>(std::max_element(values.begin(), values.end()) - values.begin());
}

}  // namespace nepenthe::evaluate
