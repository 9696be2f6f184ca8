#include "train/tile_loss.h"

#include "base/error.h"
#include "kernels/soft_cap.h"
#include "kernels/softmax_gradient.h"
#include "kernels/span_softmax.h"
#include "kernels/vector_math.h"

#include <ATen/Parallel.h>
#include <torch/types.h>

#include <algorithm>
#include <cmath>
#include <limits>

namespace nepenthe::train {

namespace {

using kernels::load;
using kernels::store;

// A row's target as plain numbers.
struct RowTarget {
    std::span<const std::int64_t> ids;
    std::span<const float> probabilities;
    std::size_t first_entry;
    float rest, weight;

    RowTarget(const Targets& targets, std::int64_t row) {
        const std::int64_t* offsets = targets.offsets.const_data_ptr<std::int64_t>();
        first_entry = static_cast<std::size_t>(offsets[row]);
        const auto count = static_cast<std::size_t>(offsets[row + 1]) - first_entry;
        ids = {targets.ids.const_data_ptr<std::int64_t>() + first_entry, count};
        probabilities = {targets.probabilities.const_data_ptr<float>() + first_entry, count};
        rest = targets.rest.const_data_ptr<float>()[row];
        weight = targets.weights.const_data_ptr<float>()[row];
    }

    // visit(entry, column) for the named ids of [first_id, first_id + width).
    template <typename Visit>
    void each_within(std::int64_t first_id, std::int64_t width, const Visit& visit) const {
        const auto begin = std::lower_bound(ids.begin(), ids.end(), first_id);
        for (auto id = begin; id != ids.end() && *id < first_id + width; ++id) {
            visit(static_cast<std::size_t>(id - ids.begin()), *id - first_id);
        }
    }
};

// What the tokens that a row's target names have together, and how far they are from what it wants of each, added up.
struct Named {
    double probability = 0, apart = 0;

    Named(const RowTarget& target, const kernels::RunningSoftmax& row, const std::vector<double>& logits) {
        const double log_sum_exp = row.log_sum_exp();
        for (std::size_t i = 0; i < target.ids.size(); ++i) {
            const double p = std::exp(logits[target.first_entry + i] - log_sum_exp);
            probability += p;
            apart += std::abs(p - static_cast<double>(target.probabilities[i]));
        }
    }
};

// Log-probability of the tokens that row `r`'s target does not name. One minus the others' is the exact way while these
// are few, and the sum over the tokens themselves once they are nearly all: neither loses digits where it is taken.
double log_rest(double named_probability, const ChunkSoftmax& softmax, std::size_t r) {
    if (named_probability < 0.5) return std::log1p(-named_probability);
    return softmax.others[r].log_sum_exp() - softmax.rows[r].log_sum_exp();
}

template <typename Value>
void take_in_span(const Value* row, std::int64_t width, kernels::RunningSoftmax& softmax) {
    const float most = kernels::span_maximum(row, width);
    softmax.merge(static_cast<double>(most), static_cast<double>(kernels::sum_of_exponentials(row, width, most)));
}

template <typename Value>
void take_in(const at::Tensor& logits, std::int64_t first_id, const Targets& targets, float cap,
             ChunkSoftmax& softmax) {
    const std::int64_t width = logits.size(1);
    Value* data = logits.mutable_data_ptr<Value>();
    at::parallel_for(0, logits.size(0), 1, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t r = begin; r < end; ++r) {
            Value* row = data + r * width;
            if (cap > 0) {
                kernels::soft_cap(row, width, cap);
            }
            const RowTarget target(targets, r);
            kernels::RunningSoftmax& all = softmax.rows[static_cast<std::size_t>(r)];
            if (target.rest == 0) take_in_span(row, width, all);
            target.each_within(first_id, width, [&](std::size_t entry, std::int64_t column) {
                softmax.named_logits[target.first_entry + entry] = static_cast<double>(load(row + column));
                if (target.rest > 0) store(row + column, -std::numeric_limits<float>::infinity());
            });
            if (target.rest == 0) continue;
            kernels::RunningSoftmax others;
            take_in_span(row, width, others);
            softmax.others[static_cast<std::size_t>(r)].merge(others.maximum, others.sum);
            all.merge(others.maximum, others.sum);
            target.each_within(first_id, width, [&](std::size_t entry, std::int64_t column) {
                const double logit = softmax.named_logits[target.first_entry + entry];
                all.merge(logit, 1.0);
                store(row + column, static_cast<float>(logit));
            });
        }
    });
}

template <typename Value>
void gradients(const at::Tensor& logits, std::int64_t first_id, const Targets& targets, float cap, float scale,
               const ChunkSoftmax& softmax, std::span<const RowFactors> factors) {
    const std::int64_t width = logits.size(1);
    Value* data = logits.mutable_data_ptr<Value>();
    at::parallel_for(0, logits.size(0), 1, [&](std::int64_t begin, std::int64_t end) {
        std::vector<float> capped, named;
        for (std::int64_t r = begin; r < end; ++r) {
            Value* row = data + r * width;
            if (cap > 0) {
                capped.resize(static_cast<std::size_t>(width));
                std::transform(row, row + width, capped.begin(), [](const Value& value) { return load(&value); });
            }
            const RowTarget target(targets, r);
            const float log_sum_exp = static_cast<float>(softmax.rows[static_cast<std::size_t>(r)].log_sum_exp());
            const RowFactors& factor = factors[static_cast<std::size_t>(r)];
            const float mine = scale * target.weight * factor.row, others = mine * factor.others;
            named.resize(target.ids.size());
            target.each_within(first_id, width, [&](std::size_t entry, std::int64_t column) {
                named[entry] = mine * (std::exp(load(row + column) - log_sum_exp) - target.probabilities[entry]);
            });
            kernels::softmax_gradient(row, width, log_sum_exp, others);
            target.each_within(first_id, width,
                               [&](std::size_t entry, std::int64_t column) { store(row + column, named[entry]); });
            if (cap > 0) {
                kernels::gradient_through_cap(row, capped.data(), width, cap);
            }
        }
    });
}

void check_tile(const at::Tensor& logits, const Targets& targets) {
    NEPENTHE_CHECK(logits.is_contiguous() && logits.size(0) == targets.size() && targets.ids.is_cpu());
}

}  // namespace

ChunkSoftmax::ChunkSoftmax(const Targets& targets)
    : rows(static_cast<std::size_t>(targets.size())),
      others(rows.size()),
      named_logits(static_cast<std::size_t>(targets.ids.numel())) {}

void take_in_tile(const at::Tensor& logits, std::int64_t first_id, const Targets& targets, double soft_cap,
                  ChunkSoftmax& softmax) {
    check_tile(logits, targets);
    const float cap = static_cast<float>(soft_cap);
    logits.scalar_type() == at::kFloat ? take_in<float>(logits, first_id, targets, cap, softmax)
                                       : take_in<c10::BFloat16>(logits, first_id, targets, cap, softmax);
}

std::vector<double> losses(const Targets& targets, const ChunkSoftmax& softmax) {
    std::vector<double> out;
    for (std::size_t r = 0; r < softmax.rows.size(); ++r) {
        const RowTarget target(targets, static_cast<std::int64_t>(r));
        const double log_sum_exp = softmax.rows[r].log_sum_exp();
        double loss = 0;
        for (std::size_t i = 0; i < target.ids.size(); ++i) {
            const double logit = softmax.named_logits[target.first_entry + i];
            loss += static_cast<double>(target.probabilities[i]) * (log_sum_exp - logit);
        }
        if (target.rest > 0) {
            const Named named(target, softmax.rows[r], softmax.named_logits);
            loss -= static_cast<double>(target.rest) * log_rest(named.probability, softmax, r);
        }
        out.push_back(static_cast<double>(target.weight) * loss);
    }
    return out;
}

std::vector<RowFactors> row_factors(const Targets& targets, const ChunkSoftmax& softmax) {
    std::vector<RowFactors> out(softmax.rows.size());
    for (std::size_t r = 0; r < out.size(); ++r) {
        const RowTarget target(targets, static_cast<std::int64_t>(r));
        if (target.ids.size() < 2 && !(target.rest > 0)) continue;
        const Named named(target, softmax.rows[r], softmax.named_logits);
        const double rest = static_cast<double>(target.rest);
        if (target.ids.size() > 1 && named.apart + std::abs(1.0 - named.probability - rest) <= kAlike) out[r].row = 0;
        // d/dx of −ρ log(1 − Σ p_j) at a token x outside is ρ p_x − ρ p_x / (1 − Σ p_j).
        if (rest > 0) {
            out[r].others = static_cast<float>(1.0 - rest / std::exp(log_rest(named.probability, softmax, r)));
        }
    }
    return out;
}

void gradient_of_tile(const at::Tensor& logits, std::int64_t first_id, const Targets& targets, double soft_cap,
                      double scale, const ChunkSoftmax& softmax, std::span<const RowFactors> factors) {
    check_tile(logits, targets);
    const float cap = static_cast<float>(soft_cap), factor = static_cast<float>(scale);
    logits.scalar_type() == at::kFloat
        ? gradients<float>(logits, first_id, targets, cap, factor, softmax, factors)
        : gradients<c10::BFloat16>(logits, first_id, targets, cap, factor, softmax, factors);
}

}  // namespace nepenthe::train
