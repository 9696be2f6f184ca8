#include "evaluate/choice_scores.h"

#include "evaluate/padded_batch.h"
#include "model/score.h"
#include "model/token_scores.h"

#include <torch/types.h>

#include <algorithm>
#include <iterator>
#include <numeric>
#include <utility>

namespace nepenthe::evaluate {

namespace {

using Ids = std::span<const text::TokenId>;

// Cached positions over all continuations of one batch: bounds the memory of the keys and values.
constexpr std::size_t kCachedPositions = 8192;

Ids context_of(const EncodedPair& pair) { return Ids(pair.ids).first(pair.context); }
Ids continuation_of(const EncodedPair& pair) { return Ids(pair.ids).subspan(pair.context); }

bool same_context(const EncodedPair& one, const EncodedPair& other) {
    return std::ranges::equal(context_of(one), context_of(other));
}

bool shares_context(const EncodedItem& item) {
    return item.size() > 1 && std::all_of(item.begin(), item.end(),
                                          [&](const EncodedPair& pair) { return same_context(pair, item.front()); });
}

// The blocks over new tokens, after what the cache holds: [batch, position, hidden].
at::Tensor run_layers(const model::Decoder& decoder, const model::Batch& batch, model::KvCache& cache) {
    const model::Context context = decoder.context(batch, &cache);
    at::Tensor hidden = decoder.embed(batch.ids, context);
    for (std::int64_t layer = 0; layer < decoder.config().layers; ++layer) {
        hidden = decoder.block(layer, hidden, context);
    }
    return hidden;
}

// The continuations of one batch of items, one after the other, and the row of each one's context.
struct Continuations {
    std::vector<Ids> ids;
    std::vector<Ids> fed;  // all but the last token, which is only predicted; at least one, so that no row is empty
    std::vector<std::int64_t> context_row;
};

Continuations continuations_of(std::span<const EncodedItem* const> items) {
    Continuations all;
    for (std::size_t row = 0; row < items.size(); ++row) {
        for (const EncodedPair& pair : *items[row]) {
            const Ids ids = continuation_of(pair);
            all.ids.push_back(ids);
            all.fed.push_back(ids.first(std::max<std::size_t>(1, ids.size() - 1)));
            all.context_row.push_back(static_cast<std::int64_t>(row));
        }
    }
    return all;
}

// States that predict the continuations' tokens, one after the other: [tokens, hidden]. Contexts are padded on the
// left, so that a continuation follows its context without a gap and sliding windows count right.
at::Tensor predicting_states(const model::Decoder& decoder, std::span<const EncodedItem* const> items,
                             const Continuations& continuations) {
    std::vector<Ids> contexts;
    for (const EncodedItem* item : items) contexts.push_back(context_of(item->front()));
    model::KvCache cache(decoder.config().layers);
    const at::Tensor in_contexts = run_layers(decoder, padded_batch(contexts, Padding::kLeft, decoder.device()), cache);
    at::Tensor in_continuations;
    if (std::any_of(continuations.ids.begin(), continuations.ids.end(), [](Ids ids) { return ids.size() > 1; })) {
        model::KvCache repeated = cache.select(at::tensor(continuations.context_row, at::kLong).to(decoder.device()));
        in_continuations =
            run_layers(decoder, padded_batch(continuations.fed, Padding::kRight, decoder.device()), repeated);
    }
    std::vector<at::Tensor> states;
    for (std::size_t i = 0; i < continuations.ids.size(); ++i) {
        states.push_back(in_contexts[continuations.context_row[i]].narrow(0, in_contexts.size(1) - 1, 1));
        const auto later = static_cast<std::int64_t>(continuations.ids[i].size()) - 1;
        if (later > 0) states.push_back(in_continuations[static_cast<std::int64_t>(i)].narrow(0, 0, later));
    }
    return at::cat(states);
}

// Scores of items that each share one context; longest contexts first, so that padding stays small.
class SharedContextScorer {
  public:
    SharedContextScorer(const model::Decoder& decoder, std::span<const EncodedItem> items,
                        std::vector<std::vector<ChoiceScore>>& scores)
        : decoder_(decoder), items_(items), scores_(scores) {}

    void run(std::vector<std::size_t> order) {
        std::ranges::stable_sort(order, std::ranges::greater{}, [&](std::size_t i) { return items_[i][0].context; });
        for (std::size_t begin = 0; begin < order.size();) {
            const std::size_t longest = items_[order[begin]][0].context;
            std::size_t end = begin, rows = 0;
            while (end < order.size() &&
                   (end == begin || (rows + items_[order[end]].size()) * longest <= kCachedPositions)) {
                rows += items_[order[end++]].size();
            }
            run_batch(std::span(order).subspan(begin, end - begin));
            begin = end;
        }
    }

  private:
    void run_batch(std::span<const std::size_t> chosen) {
        std::vector<const EncodedItem*> items;
        for (const std::size_t i : chosen) items.push_back(&items_[i]);
        const Continuations continuations = continuations_of(items);
        std::vector<std::int64_t> targets;
        for (const Ids ids : continuations.ids) targets.insert(targets.end(), ids.begin(), ids.end());
        const at::Tensor states = predicting_states(decoder_, items, continuations);
        const model::TokenScores scored = model::score_tokens(decoder_, decoder_.final_norm(states),
                                                              at::tensor(targets, at::kLong).to(decoder_.device()));
        const at::Tensor values = scored.log_probabilities.cpu().contiguous(),
                         greedy = scored.greedy.cpu().contiguous();
        const at::Tensor most_likely = scored.best.cpu().contiguous();
        const float* value = values.const_data_ptr<float>();
        const bool* is_best = greedy.const_data_ptr<bool>();
        const std::int64_t* best = most_likely.const_data_ptr<std::int64_t>();
        std::size_t next = 0;
        for (const std::size_t item : chosen) {
            for (std::size_t choice = 0; choice < items_[item].size(); ++choice, ++next) {
                ChoiceScore score;
                for (; std::cmp_less(score.tokens, continuations.ids[next].size());
                     ++score.tokens, ++value, ++is_best, ++best) {
                    score.log_likelihood += static_cast<double>(*value);
                    score.greedy = score.greedy && *is_best;
                    score.best.push_back(static_cast<text::TokenId>(*best));
                }
                scores_[item].push_back(score);
            }
        }
    }

    const model::Decoder& decoder_;
    std::span<const EncodedItem> items_;
    std::vector<std::vector<ChoiceScore>>& scores_;
};

void score_separately(const model::Decoder& decoder, std::span<const EncodedItem> items,
                      const std::vector<std::size_t>& chosen, std::vector<std::vector<ChoiceScore>>& scores) {
    std::vector<model::ScoreRequest> requests;
    for (const std::size_t item : chosen) {
        for (const EncodedPair& pair : items[item]) requests.push_back({pair.ids, pair.context});
    }
    const std::vector<model::ScoreResult> results = model::score_sequences(decoder, requests);
    std::size_t next = 0;
    for (const std::size_t item : chosen) {
        for (std::size_t choice = 0; choice < items[item].size(); ++choice, ++next) {
            scores[item].push_back({results[next].log_likelihood, results[next].tokens, results[next].greedy, {}});
        }
    }
}

}  // namespace

std::vector<std::vector<ChoiceScore>> score_choices(const model::Decoder& decoder, std::span<const EncodedItem> items) {
    const at::NoGradGuard no_gradient;
    std::vector<std::size_t> shared, separate;
    for (std::size_t i = 0; i < items.size(); ++i) (shares_context(items[i]) ? shared : separate).push_back(i);
    std::vector<std::vector<ChoiceScore>> scores(items.size());
    if (!shared.empty()) SharedContextScorer(decoder, items, scores).run(std::move(shared));
    if (!separate.empty()) score_separately(decoder, items, separate, scores);
    return scores;
}

std::vector<ChoiceScore> score_continuations(const model::Decoder& decoder, std::span<const EncodedPair> pairs) {
    const at::NoGradGuard no_gradient;
    std::vector<EncodedItem> items;
    for (const EncodedPair& pair : pairs) {
        if (items.empty() || !same_context(items.back().front(), pair)) items.emplace_back();
        items.back().push_back(pair);
    }
    std::vector<std::vector<ChoiceScore>> scores(items.size());
    std::vector<std::size_t> all(items.size());
    std::iota(all.begin(), all.end(), std::size_t{0});
    if (!items.empty()) SharedContextScorer(decoder, items, scores).run(std::move(all));
    std::vector<ChoiceScore> flat;
    for (auto& of_item : scores) std::move(of_item.begin(), of_item.end(), std::back_inserter(flat));
    return flat;
}

std::size_t first_largest(std::span<const double> values) {
    return static_cast<std::size_t>(std::max_element(values.begin(), values.end()) - values.begin());
}

}  // namespace nepenthe::evaluate
