#include "edit/values/value_batch.h"

#include "base/error.h"

#include <torch/csrc/autograd/autograd.h>
#include <torch/types.h>

#include <algorithm>
#include <numeric>

namespace nepenthe::edit {

namespace {

std::vector<ValueRow> rows_of(std::span<const ValueProblem> facts, bool held_still) {
    std::vector<ValueRow> rows;
    for (std::size_t f = 0; f < facts.size(); ++f) {
        const auto fact = static_cast<std::int64_t>(f);
        for (const EditRow& row : facts[f].rows) rows.push_back({&row, fact, &row == &facts[f].rows.front(), false});
        if (held_still) rows.push_back({&facts[f].kl_row, fact, false, true});
    }
    return rows;
}

}  // namespace

ValueBatch::ValueBatch(const model::Decoder& decoder, std::span<const ValueProblem> facts, ValueSite site,
                       std::int64_t layer, double kl_weight)
    : decoder_(decoder), kl_weight_(kl_weight) {
    const at::NoGradGuard no_grad;
    for (const ValueProblem& fact : facts) rewriting_rows_.push_back(static_cast<std::int64_t>(fact.rows.size()));
    initial_ = at::empty({static_cast<std::int64_t>(facts.size()), decoder.config().hidden}, at::kFloat);
    for (std::vector<ValueRow>& rows : group_by_suffix(rows_of(facts, kl_weight > 0))) {
        groups_.push_back(std::make_unique<ValueGroup>(decoder, std::move(rows), site, layer));
        const ValueGroup& group = *groups_.back();
        for (std::size_t r = 0; r < group.rows().size(); ++r) {
            if (group.rows()[r].bare) {
                initial_[group.rows()[r].fact].copy_(group.site_states()[static_cast<std::int64_t>(r)]);
            }
        }
    }
    number_positions();
}

void ValueBatch::number_positions() {
    std::vector<Position> targets, held;
    std::vector<std::int64_t> target_places, places_held, ids;
    std::int64_t place = 0;
    for (const auto& group : groups_) {
        for (const ValueRow& row : group->rows()) {
            const auto rewriting = static_cast<double>(rewriting_rows_[static_cast<std::size_t>(row.fact)]);
            for (std::int64_t i = 0; i < row.supervised(); ++i, ++place) {
                if (row.held) {
                    held.push_back({row.fact, kl_weight_, true});
                    places_held.push_back(place);
                } else {
                    targets.push_back({row.fact, 1.0 / (rewriting * static_cast<double>(row.supervised())), false});
                    target_places.push_back(place);
                    ids.push_back(row.text->targets[static_cast<std::size_t>(i)]);
                }
            }
        }
    }
    // The reference is kept in the order of the facts.
    std::vector<std::size_t> by_fact(held.size());
    std::iota(by_fact.begin(), by_fact.end(), std::size_t{0});
    std::ranges::sort(by_fact, {}, [&](std::size_t i) { return held[i].fact; });
    positions_ = std::move(targets);
    for (const std::size_t i : by_fact) {
        positions_.push_back(held[i]);
        target_places.push_back(places_held[i]);
    }
    order_ = at::tensor(target_places, at::kLong).to(decoder_.device());
    targets_ = at::tensor(ids, at::kLong);
}

std::vector<ValueLoss> ValueBatch::forward(const at::Tensor& delta) {
    const at::AutoGradMode with_grad(true);
    std::vector<at::Tensor> states;
    for (const auto& group : groups_) states.push_back(group->forward(delta));
    normed_ = decoder_.final_norm(at::cat(states, 0).index_select(0, order_));
    TargetLoss loss = target_loss(decoder_, normed_.detach(), targets_, reference_);
    const at::NoGradGuard no_grad;
    std::vector<ValueLoss> losses(rewriting_rows_.size());
    at::Tensor weights = at::empty({static_cast<std::int64_t>(positions_.size()), 1}, at::kFloat);
    for (std::size_t i = 0; i < positions_.size(); ++i) {
        const Position& position = positions_[i];
        ValueLoss& of_fact = losses[static_cast<std::size_t>(position.fact)];
        if (position.held) {
            of_fact.kl = loss.losses[i];
        } else {
            of_fact.nll += position.weight * loss.losses[i];
        }
        weights.mutable_data_ptr<float>()[i] = static_cast<float>(position.weight);
    }
    gradient_ = loss.gradient.mul_(weights.to(loss.gradient.device())).to(normed_.scalar_type());
    return losses;
}

at::Tensor ValueBatch::backward() {
    NEPENTHE_CHECK(normed_.defined());
    std::vector<at::Tensor> written;
    for (const auto& group : groups_) written.push_back(group->written());
    const std::vector<at::Tensor> gradients = torch::autograd::grad({normed_}, written, {gradient_});
    normed_ = gradient_ = at::Tensor();
    at::Tensor sum = at::zeros(initial_.sizes(), at::kDouble);
    for (std::size_t g = 0; g < groups_.size(); ++g) {
        const at::Tensor exact = gradients[g].to(at::kCPU, at::kDouble);
        const std::vector<ValueRow>& rows = groups_[g]->rows();
        for (std::size_t r = 0; r < rows.size(); ++r) sum[rows[r].fact].add_(exact[static_cast<std::int64_t>(r)]);
    }
    return sum;
}

void ValueBatch::keep(const std::vector<std::int64_t>& which) {
    const at::NoGradGuard no_grad;
    normed_ = gradient_ = at::Tensor();
    std::vector<std::int64_t> new_facts(rewriting_rows_.size(), -1), rewriting;
    for (std::size_t i = 0; i < which.size(); ++i) {
        new_facts[static_cast<std::size_t>(which[i])] = static_cast<std::int64_t>(i);
        rewriting.push_back(rewriting_rows_[static_cast<std::size_t>(which[i])]);
    }
    rewriting_rows_ = std::move(rewriting);
    for (auto& group : groups_) {
        std::vector<std::int64_t> rows;
        for (std::size_t r = 0; r < group->rows().size(); ++r) {
            if (new_facts[static_cast<std::size_t>(group->rows()[r].fact)] >= 0) {
                rows.push_back(static_cast<std::int64_t>(r));
            }
        }
        if (rows.empty()) {
            group.reset();
        } else if (rows.size() < group->rows().size() || which.size() < new_facts.size()) {
            group->keep(rows, new_facts);
        }
    }
    std::erase(groups_, nullptr);
    initial_ = initial_.index_select(0, at::tensor(which, at::kLong));
    reference_ = reference_.select(which);
    number_positions();
}

}  // namespace nepenthe::edit
