#pragma once
// The objectives' formulas a second time, on whole logits and differentiable, as their papers have them.

#include "model/decoder.h"
#include "train/sample.h"

#include <torch/types.h>

#include <functional>
#include <limits>
#include <map>
#include <string>
#include <vector>

namespace nepenthe::testing {

struct Positions {
    at::Tensor logits, labels;  // of the supervised positions of one sample: [n, vocabulary], [n]

    at::Tensor log_p() const { return at::log_softmax(logits, 1); }
    at::Tensor losses() const { return -log_p().gather(1, labels.unsqueeze(1)).squeeze(1); }
    at::Tensor sum() const { return losses().sum(); }
    std::int64_t n() const { return labels.size(0); }
};

inline Positions positions_of(const model::Decoder& decoder, const train::Sample& sample) {
    const std::vector<std::int64_t> ids(sample.ids.begin(), sample.ids.end());
    const at::Tensor logits = decoder.logits({at::tensor(ids, at::kLong).unsqueeze(0), {}}).squeeze(0);
    const at::Tensor labels = at::tensor(sample.labels, at::kLong), supervised = labels.ne(train::kIgnore);
    return {logits.index({supervised}), labels.index({supervised})};
}

// An item: what is forgotten, refused and retained, under the weights now and under the start; each computed where a
// formula asks for it.
struct ItemNow {
    const model::Decoder &now, &start;
    train::Sample forgotten, refused, retained;

    Positions forget() const { return positions_of(now, forgotten); }
    Positions refusal() const { return positions_of(now, refused); }
    Positions retain() const { return positions_of(now, retained); }
    Positions forget_start() const { return positions_of(start, forgotten); }
    Positions refusal_start() const { return positions_of(start, refused); }
    Positions retain_start() const { return positions_of(start, retained); }
};

struct Part {
    at::Tensor numerator;
    double denominator = 0;
};
using Formula = std::function<std::vector<Part>(const ItemNow& item)>;  // one part a term

inline Part mean_loss(const Positions& positions) { return {positions.sum(), static_cast<double>(positions.n())}; }
inline double value(const at::Tensor& scalar) { return scalar.item<double>(); }
inline at::Tensor probabilities(const Positions& positions) { return (-positions.losses()).exp(); }

inline Part cross_entropy(const at::Tensor& target, const Positions& positions) {
    return {-(target * positions.log_p()).sum(), static_cast<double>(positions.n())};
}

inline Part pairwise(const at::Tensor& margin, double beta) { return {2.0 / beta * at::softplus(-beta * margin), 1.0}; }

inline Part weighed(const Positions& positions, const at::Tensor& weights) {
    return {(weights.detach() * positions.losses()).sum(), static_cast<double>(positions.n())};
}

inline const std::map<std::string, Formula>& formulas() {
    static const std::map<std::string, Formula> all = {
        {"ga", [](const ItemNow& item) { return std::vector<Part>{mean_loss(item.forget())}; }},
        {"graddiff",
         [](const ItemNow& item) {
             return std::vector<Part>{mean_loss(item.forget()), mean_loss(item.retain())};
         }},
        {"kl",
         [](const ItemNow& item) {
             return std::vector<Part>{mean_loss(item.forget()),
                                      cross_entropy(item.retain_start().log_p().exp().detach(), item.retain())};
         }},
        {"po",
         [](const ItemNow& item) {
             return std::vector<Part>{mean_loss(item.refusal()), mean_loss(item.retain())};
         }},
        {"npo",
         [](const ItemNow& item) {
             return std::vector<Part>{pairwise(item.forget().sum() - value(item.forget_start().sum()), 0.1),
                                      mean_loss(item.retain())};
         }},
        {"simnpo",
         [](const ItemNow& item) {
             return std::vector<Part>{pairwise(item.forget().losses().mean(), 4.5), mean_loss(item.retain())};
         }},
        {"dpo",
         [](const ItemNow& item) {
             const at::Tensor refusal = value(item.refusal_start().sum()) - item.refusal().sum();
             const at::Tensor text = value(item.forget_start().sum()) - item.forget().sum();
             return std::vector<Part>{pairwise(refusal - text, 0.1), mean_loss(item.retain())};
         }},
        {"undial",
         [](const ItemNow& item) {
             const at::Tensor lowered = item.forget_start().logits.detach() -
                                        10.0 * at::one_hot(item.forget().labels, item.forget().logits.size(1));
             return std::vector<Part>{cross_entropy(at::softmax(lowered, 1), item.forget())};
         }},
        {"wga",
         [](const ItemNow& item) {
             const Positions now = item.forget();
             return std::vector<Part>{weighed(now, probabilities(now)), mean_loss(item.retain())};
         }},
        {"satimp",
         [](const ItemNow& item) {
             const Positions now = item.forget();
             const at::Tensor p = probabilities(now);
             return std::vector<Part>{weighed(now, p.pow(5) * (1 - p)), mean_loss(item.retain())};
         }},
        {"ceu",  // the cross-entropy with the target held still, less the target's entropy
         [](const ItemNow& item) {
             const Positions now = item.forget(), rest{now.logits.slice(0, 1), now.labels.slice(0, 1)};
             const at::Tensor without =
                 rest.logits.detach().scatter(1, rest.labels.unsqueeze(1), -std::numeric_limits<float>::infinity());
             const at::Tensor log_q = at::log_softmax(without, 1), q = log_q.exp();
             const at::Tensor entropy = -(q * at::nan_to_num(log_q, 0, 0, 0)).sum();
             Part part = cross_entropy(q, rest);
             part.numerator = part.numerator - entropy;
             return std::vector<Part>{part};
         }},
        {"pdu",
         [](const ItemNow& item) {
             const Positions now = item.forget();
             const at::Tensor above = std::get<0>(now.logits.max(1)) - now.logits.mean(1);
             return std::vector<Part>{{above.square().sum(), static_cast<double>(now.n())}, mean_loss(item.retain())};
         }},
        {"ihl",
         [](const ItemNow& item) {
             const Positions now = item.forget();
             const at::Tensor p = now.log_p().exp(), label = now.labels.unsqueeze(1);
             const at::Tensor rival = std::get<0>(p.scatter(1, label, -1.0).max(1));
             return std::vector<Part>{{(1 + p.gather(1, label).squeeze(1) - rival).sum(), static_cast<double>(now.n())},
                                      mean_loss(item.retain())};
         }},
        {"flat",
         [](const ItemNow& item) {
             const at::Tensor g = probabilities(item.refusal()).mean(), f = probabilities(item.forget()).mean();
             return std::vector<Part>{{-g + (f - 1).exp(), 1.0}};
         }},
    };
    return all;
}

}  // namespace nepenthe::testing
