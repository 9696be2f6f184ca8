#include "edit/target_loss.h"

#include "base/error.h"
#include "model/gemm.h"
#include "model/vector_math.h"

#include <ATen/Parallel.h>
#include <torch/types.h>

#include <algorithm>
#include <cmath>

namespace nepenthe::edit {

namespace {

using model::fast_exp;
using model::lane_sum;
using model::span_maximum;

// Ids a tile: its logits and its unembedding rows stay in the caches from the product that makes the logits to the one
// that turns them into a gradient.
constexpr std::int64_t kTile = 4096;

// What is known of one row after some tiles; everything relative to exp(maximum).
struct RowState {
    double maximum = 0, sum = 0;   // sum of exp(logit - maximum); 0 before the first tile
    double target_logit = 0;
    double shift_sum = 0;          // sum of exp(logit - maximum) · (logit - reference logit)
    double target_slope = 1;       // of the soft cap at the target
    double log_sum_exp() const { return maximum + std::log(sum); }
};

struct SpanSums {
    float sum, shift;
};

// logits become weights exp(logit - maximum) · slope of the soft cap.
NEPENTHE_VECTOR_CLONES float weigh(float* row, std::int64_t n, float maximum, float cap) {
    if (cap <= 0.0f) {
        for (std::int64_t i = 0; i < n; ++i) row[i] = fast_exp(row[i] - maximum);
        return lane_sum(n, [=](std::int64_t i) { return row[i]; });
    }
    const float sum = lane_sum(n, [=](std::int64_t i) { return fast_exp(row[i] - maximum); });
    for (std::int64_t i = 0; i < n; ++i) {
        const float share = row[i] / cap;
        row[i] = fast_exp(row[i] - maximum) * (1.0f - share * share);
    }
    return sum;
}

// The same, with shifted[i] = weight · (logit - reference).
NEPENTHE_VECTOR_CLONES SpanSums weigh_against(float* row, const float* reference, float* shifted, std::int64_t n,
                                              float maximum, float cap) {
    const float sum = lane_sum(n, [=](std::int64_t i) { return fast_exp(row[i] - maximum); });
    const float shift =
        lane_sum(n, [=](std::int64_t i) { return fast_exp(row[i] - maximum) * (row[i] - reference[i]); });
    const float inverse = cap > 0.0f ? 1.0f / cap : 0.0f;
    for (std::int64_t i = 0; i < n; ++i) {
        const float share = row[i] * inverse;
        const float weight = fast_exp(row[i] - maximum) * (1.0f - share * share);
        shifted[i] = weight * (row[i] - reference[i]);
        row[i] = weight;
    }
    return {sum, shift};
}

NEPENTHE_VECTOR_CLONES float maximum_of(const float* row, std::int64_t n) { return span_maximum(row, 0, n); }

void cap_row(float* row, std::int64_t n, float cap) {
    for (std::int64_t i = 0; i < n; ++i) row[i] = cap * std::tanh(row[i] / cap);
}

NEPENTHE_VECTOR_CLONES void scale_row(float* row, std::int64_t n, float factor) {
    for (std::int64_t i = 0; i < n; ++i) row[i] *= factor;
}

// One pass over the vocabulary on the host.
class HostPass {
  public:
    HostPass(const model::Decoder& decoder, const at::Tensor& normed, const at::Tensor& targets,
             ReferenceLogits& reference)
        : normed_(normed.contiguous()), unembedding_(decoder.unembedding()), bias_(decoder.unembedding_bias()),
          targets_(targets.contiguous()), reference_(reference), rows_(normed.size(0)),
          likelihood_rows_(targets.numel()), held_(rows_ - likelihood_rows_), cap_(static_cast<float>(decoder.config().logit_soft_cap)),
          states_(static_cast<std::size_t>(rows_)) {
        const auto exact = normed.options().dtype(at::kFloat);
        sums_ = at::zeros({rows_ + held_, normed.size(1)}, exact);
        recording_ = held_ > 0 && !reference.logits.defined();
        if (recording_) reference.logits = at::empty({held_, unembedding_.size(0)}, exact);
    }

    TargetLoss run() {
        const std::int64_t vocabulary = unembedding_.size(0);
        for (std::int64_t id = 0; id < vocabulary; id += kTile) visit(id, std::min(kTile, vocabulary - id));
        return finish();
    }

  private:
    at::Tensor logits(const at::Tensor& weights, std::int64_t id) const {
        at::Tensor tile = model::matrix_product(normed_, weights.t()).to(at::kFloat).contiguous();
        if (bias_.defined()) tile.add_(bias_.narrow(0, id, weights.size(0)));
        return tile;
    }

    void visit(std::int64_t id, std::int64_t width) {
        const at::Tensor unembedding = unembedding_.narrow(0, id, width);
        // Behind the rows' weights stand the held rows' shifted ones: one product takes both.
        at::Tensor tile = at::empty({rows_ + held_, width}, sums_.options());
        tile.narrow(0, 0, rows_).copy_(logits(unembedding, id));
        float* data = tile.mutable_data_ptr<float>();
        at::parallel_for(0, rows_, 1, [&](std::int64_t begin, std::int64_t end) {
            for (std::int64_t row = begin; row < end; ++row) {
                take_in(row, data + row * width, row < likelihood_rows_ ? nullptr : data + (row + held_) * width, id, width);
            }
        });
        if (unembedding.scalar_type() == at::kFloat) {
            sums_ = model::matrix_product_plus(tile, unembedding, sums_);
        } else {
            sums_.add_(model::matrix_product(tile.to(unembedding.scalar_type()), unembedding));
        }
    }

    // Logits of one row of a tile become weights; what was summed up before is brought to the new maximum.
    void take_in(std::int64_t row, float* logits, float* shifted, std::int64_t id, std::int64_t width) {
        RowState& state = states_[static_cast<std::size_t>(row)];
        if (cap_ > 0.0f) cap_row(logits, width, cap_);
        const auto most = static_cast<double>(maximum_of(logits, width));
        if (state.sum == 0 || most > state.maximum) {
            rescale(row, state, state.sum == 0 ? 0.0 : std::exp(state.maximum - most));
            state.maximum = most;
        }
        const auto maximum = static_cast<float>(state.maximum);
        if (shifted == nullptr) {
            const std::int64_t column = targets_.const_data_ptr<std::int64_t>()[row] - id;
            if (column >= 0 && column < width) {
                state.target_logit = static_cast<double>(logits[column]);
                const double share = cap_ > 0.0f ? state.target_logit / static_cast<double>(cap_) : 0.0;
                state.target_slope = 1.0 - share * share;
            }
            state.sum += static_cast<double>(weigh(logits, width, maximum, cap_));
            return;
        }
        float* reference = reference_.logits.mutable_data_ptr<float>() +
                           (row - likelihood_rows_) * unembedding_.size(0) + id;
        if (recording_) std::copy_n(logits, width, reference);
        const SpanSums sums = weigh_against(logits, reference, shifted, width, maximum, cap_);
        state.sum += static_cast<double>(sums.sum);
        state.shift_sum += static_cast<double>(sums.shift);
    }

    void rescale(std::int64_t row, RowState& state, double factor) {
        const std::int64_t n = sums_.size(1);
        float* sums = sums_.mutable_data_ptr<float>();
        state.sum *= factor;
        state.shift_sum *= factor;
        scale_row(sums + row * n, n, static_cast<float>(factor));
        if (row >= likelihood_rows_) scale_row(sums + (row + held_) * n, n, static_cast<float>(factor));
    }

    TargetLoss finish() {
        TargetLoss loss{std::vector<double>(static_cast<std::size_t>(rows_)), sums_.narrow(0, 0, rows_)};
        if (recording_) reference_.log_sums.clear();
        for (std::int64_t row = 0; row < rows_; ++row) {
            const RowState& state = states_[static_cast<std::size_t>(row)];
            at::Tensor gradient = sums_[row].div_(state.sum);
            double& value = loss.losses[static_cast<std::size_t>(row)];
            if (row < likelihood_rows_) {
                value = state.log_sum_exp() - state.target_logit;
                const std::int64_t target = targets_.const_data_ptr<std::int64_t>()[row];
                gradient.sub_(unembedding_[target].to(at::kFloat), state.target_slope);
                continue;
            }
            // KL = E[logit - reference] - (log-sum - reference log-sum); its gradient by a logit is
            // p · (logit - reference - E[logit - reference]).
            const std::int64_t held = row - likelihood_rows_;
            if (recording_) reference_.log_sums.push_back(state.log_sum_exp());
            const double mean_shift = state.shift_sum / state.sum;
            value = mean_shift - state.log_sum_exp() + reference_.log_sums[static_cast<std::size_t>(held)];
            gradient.copy_(sums_[row + held_] / state.sum - gradient * mean_shift);
        }
        return loss;
    }

    at::Tensor normed_, unembedding_, bias_, targets_;
    ReferenceLogits& reference_;
    std::int64_t rows_, likelihood_rows_, held_;
    float cap_;
    std::vector<RowState> states_;
    at::Tensor sums_;  // [rows + held rows, hidden]: weighted sums of unembedding rows, then those times (logit - reference)
    bool recording_ = false;
};

at::Tensor capped_logits(const model::Decoder& decoder, const at::Tensor& normed, at::Tensor& slope) {
    at::Tensor logits = at::mm(normed, decoder.unembedding().t()).to(at::kFloat);
    if (decoder.unembedding_bias().defined()) logits.add_(decoder.unembedding_bias());
    const double cap = decoder.config().logit_soft_cap;
    if (cap > 0) {
        const at::Tensor share = at::tanh(logits / cap);
        slope = 1.0 - share.square();
        logits = share * cap;
    }
    return logits;
}

// The same as tensor operations, for devices.
TargetLoss device_pass(const model::Decoder& decoder, const at::Tensor& normed, const at::Tensor& targets,
                       ReferenceLogits& reference) {
    const std::int64_t likelihood_rows = targets.numel(), held = normed.size(0) - likelihood_rows;
    at::Tensor slope;
    const at::Tensor logits = capped_logits(decoder, normed, slope);
    const at::Tensor log_sums = logits.logsumexp({1}, true), p = (logits - log_sums).exp();
    at::Tensor losses = at::empty({normed.size(0)}, logits.options()), of_logits = p.clone();
    if (likelihood_rows > 0) {
        const at::Tensor index = targets.to(logits.device()).unsqueeze(1);
        losses.narrow(0, 0, likelihood_rows)
            .copy_((log_sums.narrow(0, 0, likelihood_rows) - logits.narrow(0, 0, likelihood_rows).gather(1, index)).squeeze(1));
        of_logits.narrow(0, 0, likelihood_rows).scatter_add_(1, index, at::full_like(index, -1.0, logits.options()));
    }
    if (held > 0) {
        const at::Tensor mine = logits.narrow(0, likelihood_rows, held), sums = log_sums.narrow(0, likelihood_rows, held);
        if (!reference.logits.defined()) {
            reference.logits = mine.clone();
            const at::Tensor exact = sums.to(at::kCPU, at::kDouble).contiguous();
            reference.log_sums.assign(exact.const_data_ptr<double>(), exact.const_data_ptr<double>() + held);
        }
        const at::Tensor ratio = mine - sums - reference.logits.log_softmax(1), weight = p.narrow(0, likelihood_rows, held);
        const at::Tensor divergence = (weight * ratio).sum(1, true);
        losses.narrow(0, likelihood_rows, held).copy_(divergence.squeeze(1));
        of_logits.narrow(0, likelihood_rows, held).copy_(weight * (ratio - divergence));
    }
    if (slope.defined()) of_logits.mul_(slope);
    TargetLoss loss;
    const at::Tensor values = losses.to(at::kCPU, at::kDouble).contiguous();
    loss.losses.assign(values.const_data_ptr<double>(), values.const_data_ptr<double>() + normed.size(0));
    loss.gradient = at::mm(of_logits.to(normed.scalar_type()), decoder.unembedding()).to(at::kFloat);
    return loss;
}

}  // namespace

ReferenceLogits ReferenceLogits::select(const std::vector<std::int64_t>& rows) const {
    if (!logits.defined()) return {};
    ReferenceLogits chosen{logits.index_select(0, at::tensor(rows, at::kLong).to(logits.device())), {}};
    for (const std::int64_t row : rows) chosen.log_sums.push_back(log_sums[static_cast<std::size_t>(row)]);
    return chosen;
}

TargetLoss target_loss(const model::Decoder& decoder, const at::Tensor& normed, const at::Tensor& targets,
                       ReferenceLogits& reference) {
    NEPENTHE_CHECK(normed.dim() == 2 && normed.size(0) > 0 && targets.numel() <= normed.size(0));
    const at::NoGradGuard no_grad;
    return normed.is_cpu() ? HostPass(decoder, normed, targets, reference).run()
                           : device_pass(decoder, normed, targets, reference);
}

}  // namespace nepenthe::edit
