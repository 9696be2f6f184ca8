#pragma once
// The optimisation of a value as its specification reads (specs: editing.md §1.4), with nothing saved: every row alone,
// all positions, all layers, all logits, plain autograd. And facts made of random tokens to try it on.

#include "base/random.h"
#include "edit/values/value.h"

#include <torch/csrc/autograd/autograd.h>
#include <torch/types.h>

#include <cmath>
#include <vector>

namespace nepenthe::edit::testing {

inline double distance(const at::Tensor& a, const at::Tensor& b) { return ((a - b).norm() / b.norm()).item<double>(); }

// Logits of one row with `delta` added at its subject's last token; `recorded` receives what stood there.
inline at::Tensor edited_logits(const model::Decoder& decoder, const EditRow& row, const ValueOptions& options,
                                const at::Tensor& delta, at::Tensor* recorded = nullptr) {
    const at::Tensor ids =
        at::tensor(std::vector<std::int64_t>(row.ids.begin(), row.ids.end()), at::kLong).unsqueeze(0);
    const model::Batch batch{ids, {}};
    const model::Context context = decoder.context(batch);
    at::Tensor here = at::zeros({1, ids.size(1), 1}, at::kFloat);
    here[0][static_cast<std::int64_t>(row.subject_last)] = 1.0;
    at::Tensor hidden = decoder.embed(ids, context);
    for (std::int64_t layer = 0; layer < decoder.config().layers; ++layer) {
        const at::Tensor stream = decoder.after_attention(layer, hidden, context);
        at::Tensor output = decoder.mlp_output(layer, decoder.mlp_key(layer, hidden, stream));
        const auto put = [&](at::Tensor& state) {
            if (recorded != nullptr) *recorded = state[0][static_cast<std::int64_t>(row.subject_last)].detach().clone();
            state = state + here * delta;
        };
        if (layer == options.layer && options.site == ValueSite::kMlpOutput) put(output);
        hidden = decoder.after_mlp(layer, stream, output);
        if (layer == options.layer && options.site == ValueSite::kBlockOutput) put(hidden);
    }
    return decoder.head(hidden)[0];
}

inline at::Tensor naive_nll(const model::Decoder& decoder, const ValueProblem& fact, const ValueOptions& options,
                            const at::Tensor& delta) {
    at::Tensor sum = at::zeros({}, at::kFloat);
    for (const EditRow& row : fact.rows) {
        const auto count = static_cast<std::int64_t>(row.targets.size());
        const at::Tensor log_p = edited_logits(decoder, row, options, delta).log_softmax(-1);
        const at::Tensor ids = at::tensor(std::vector<std::int64_t>(row.targets.begin(), row.targets.end()), at::kLong);
        sum = sum - log_p.narrow(0, log_p.size(0) - count, count).gather(1, ids.unsqueeze(1)).mean();
    }
    return sum / static_cast<double>(fact.rows.size());
}

inline FactValue naive_value(const model::Decoder& decoder, const ValueProblem& fact, const ValueOptions& options) {
    FactValue value;
    at::Tensor delta = at::zeros({decoder.config().hidden}, at::kFloat);
    edited_logits(decoder, fact.rows.front(), options, delta, &value.initial);
    const double radius = value.initial.norm().item<double>();
    const double lr = options.relative_lr > 0
                          ? options.relative_lr * radius / std::sqrt(static_cast<double>(delta.numel()))
                          : options.lr;
    at::Tensor first = at::zeros_like(delta), second = at::zeros_like(delta), initial;
    for (value.steps = 1;; ++value.steps) {
        delta = delta.detach().requires_grad_(true);
        const at::Tensor nll = naive_nll(decoder, fact, options, delta);
        at::Tensor kl = at::zeros({});
        if (options.kl > 0) {
            const at::Tensor log_p =
                edited_logits(decoder, fact.kl_row, options, delta)[static_cast<std::int64_t>(fact.kl_row.subject_last)]
                    .log_softmax(-1);
            if (!initial.defined()) initial = log_p.detach();
            kl = options.kl * (log_p.exp() * (log_p - initial)).sum();
        }
        const at::Tensor decay = options.decay * delta.norm() / (radius * radius);
        const at::Tensor loss = nll + kl + decay;
        if (value.steps == 1) value.first_nll = nll.item<double>();
        value.nll = nll.item<double>();
        value.kl = kl.item<double>();
        value.decay = decay.item<double>();
        if (loss.item<double>() < options.stop_loss || value.steps == options.steps) break;
        const at::Tensor gradient = torch::autograd::grad({loss}, {delta})[0];
        const at::NoGradGuard no_grad;
        first = 0.9 * first + 0.1 * gradient;
        second = 0.999 * second + 0.001 * gradient * gradient;
        const double n = static_cast<double>(value.steps);
        delta = delta - lr * (first / (1 - std::pow(0.9, n))) / ((second / (1 - std::pow(0.999, n))).sqrt() + 1e-8);
        const double length = delta.norm().item<double>();
        value.clamped = length > options.clamp * radius;
        if (value.clamped) delta = delta * (options.clamp * radius / length);
    }
    value.delta = delta.detach();
    return value;
}

inline EditRow random_row(RandomStream& random, std::int64_t vocabulary, std::size_t before, std::size_t behind,
                          const std::vector<text::TokenId>& targets) {
    EditRow row;
    const std::size_t rewriting = targets.empty() ? 0 : targets.size() - 1;
    for (std::size_t i = 0; i < before + 1 + behind; ++i) {
        row.ids.push_back(static_cast<text::TokenId>(random.below(static_cast<std::uint64_t>(vocabulary))));
    }
    row.ids.insert(row.ids.end(), targets.begin(), targets.begin() + static_cast<std::ptrdiff_t>(rewriting));
    row.subject_last = before;
    row.targets = targets;
    return row;
}

// A fact of `rows` rows: contexts of different lengths before one subject, `behind` tokens behind it, `tokens` targets.
inline ValueProblem random_fact(std::uint64_t id, std::int64_t vocabulary, std::size_t rows, std::size_t behind,
                                std::size_t tokens) {
    RandomStream random(5, "test.values", id);
    std::vector<text::TokenId> targets(tokens);
    for (auto& target : targets)
        target = static_cast<text::TokenId>(random.below(static_cast<std::uint64_t>(vocabulary)));
    ValueProblem fact;
    for (std::size_t i = 0; i < rows; ++i) {
        fact.rows.push_back(random_row(random, vocabulary, i == 0 ? 1 + id % 3 : 2 + random.below(6), behind, targets));
    }
    fact.kl_row = random_row(random, vocabulary, id % 2, 2, {});
    return fact;
}

}  // namespace nepenthe::edit::testing
