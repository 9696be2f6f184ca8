#include "train/softmax_kernels.h"

#include "base/error.h"
#include "model/vector_math.h"

#include <ATen/Parallel.h>
#include <torch/types.h>

#include <algorithm>
#include <cmath>
#include <limits>

namespace nepenthe::train {

namespace {

using model::fast_exp;
using model::kLanes;
using model::lane_sum;
using model::load;
using model::store;

template <typename Value>
NEPENTHE_ALWAYS_INLINE float maximum_of(const Value* row, std::int64_t n) {
    std::array<float, kLanes> lanes;
    lanes.fill(-std::numeric_limits<float>::infinity());
    std::int64_t i = 0;
    for (; i + kLanes <= n; i += kLanes) {
        for (std::int64_t lane = 0; lane < kLanes; ++lane) {
            const float value = load(row + i + lane);
            float& most = lanes[static_cast<std::size_t>(lane)];
            most = value > most ? value : most;
        }
    }
    for (; i < n; ++i) {
        lanes[0] = std::max(lanes[0], load(row + i));
    }
    return *std::max_element(lanes.begin(), lanes.end());
}

struct TileStatistics {
    float maximum, sum;
};

template <typename Value>
NEPENTHE_ALWAYS_INLINE TileStatistics statistics_span(const Value* row, std::int64_t n) {
    const float most = maximum_of(row, n);
    return {most, lane_sum(n, [=](std::int64_t i) { return fast_exp(load(row + i) - most); })};
}
NEPENTHE_VECTOR_CLONES TileStatistics statistics_of(const float* row, std::int64_t n) {
    return statistics_span(row, n);
}
NEPENTHE_VECTOR_CLONES TileStatistics statistics_of(const c10::BFloat16* row, std::int64_t n) {
    return statistics_span(row, n);
}

template <typename Value>
NEPENTHE_ALWAYS_INLINE void gradient_span(Value* row, std::int64_t n, float log_sum_exp, float scale) {
    for (std::int64_t i = 0; i < n; ++i) {
        store(row + i, scale * fast_exp(load(row + i) - log_sum_exp));
    }
}
NEPENTHE_VECTOR_CLONES void gradient_of(float* row, std::int64_t n, float log_sum_exp, float scale) {
    gradient_span(row, n, log_sum_exp, scale);
}
NEPENTHE_VECTOR_CLONES void gradient_of(c10::BFloat16* row, std::int64_t n, float log_sum_exp, float scale) {
    gradient_span(row, n, log_sum_exp, scale);
}

template <typename Value>
void cap_row(Value* row, std::int64_t n, float cap) {
    for (std::int64_t i = 0; i < n; ++i) {
        store(row + i, cap * std::tanh(load(row + i) / cap));
    }
}

// d(cap * tanh(x / cap))/dx = 1 - (capped / cap)^2; `capped` still holds the logits that the gradient replaces.
template <typename Value>
void gradient_through_cap(const std::vector<float>& capped, Value* row, float cap) {
    for (std::size_t i = 0; i < capped.size(); ++i) {
        const float share = capped[i] / cap;
        store(row + i, load(row + i) * (1.0f - share * share));
    }
}

void merge(RowSoftmax& row, TileStatistics tile) {
    const double maximum = static_cast<double>(tile.maximum), sum = static_cast<double>(tile.sum);
    if (row.sum == 0) {
        row.maximum = maximum;
        row.sum = sum;
        return;
    }
    const double most = std::max(row.maximum, maximum);
    row.sum = row.sum * std::exp(row.maximum - most) + sum * std::exp(maximum - most);
    row.maximum = most;
}

template <typename Value>
void take_in(const at::Tensor& logits, std::int64_t first_id, const at::Tensor& targets, float cap,
             std::vector<RowSoftmax>& rows) {
    const std::int64_t width = logits.size(1);
    Value* data = logits.mutable_data_ptr<Value>();
    const std::int64_t* target = targets.const_data_ptr<std::int64_t>();
    at::parallel_for(0, logits.size(0), 1, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t r = begin; r < end; ++r) {
            Value* row = data + r * width;
            if (cap > 0) {
                cap_row(row, width, cap);
            }
            RowSoftmax& known = rows[static_cast<std::size_t>(r)];
            merge(known, statistics_of(row, width));
            const std::int64_t column = target[r] - first_id;
            if (column >= 0 && column < width) {
                known.target_logit = static_cast<double>(load(row + column));
            }
        }
    });
}

template <typename Value>
void gradients(const at::Tensor& logits, std::int64_t first_id, const at::Tensor& targets, float cap, float scale,
               const std::vector<RowSoftmax>& rows) {
    const std::int64_t width = logits.size(1);
    Value* data = logits.mutable_data_ptr<Value>();
    const std::int64_t* target = targets.const_data_ptr<std::int64_t>();
    at::parallel_for(0, logits.size(0), 1, [&](std::int64_t begin, std::int64_t end) {
        std::vector<float> capped;
        for (std::int64_t r = begin; r < end; ++r) {
            Value* row = data + r * width;
            if (cap > 0) {
                capped.resize(static_cast<std::size_t>(width));
                std::transform(row, row + width, capped.begin(), [](const Value& value) { return load(&value); });
            }
            const float log_sum_exp = static_cast<float>(rows[static_cast<std::size_t>(r)].log_sum_exp());
            const std::int64_t column = target[r] - first_id;
            const bool here = column >= 0 && column < width;
            const float at_target = here ? scale * (std::exp(load(row + column) - log_sum_exp) - 1.0f) : 0.0f;
            gradient_of(row, width, log_sum_exp, scale);
            if (here) {
                store(row + column, at_target);
            }
            if (cap > 0) {
                gradient_through_cap(capped, row, cap);
            }
        }
    });
}

}  // namespace

double RowSoftmax::log_sum_exp() const { return maximum + std::log(sum); }

void take_in_tile(const at::Tensor& logits, std::int64_t first_id, const at::Tensor& targets, double soft_cap,
                  std::vector<RowSoftmax>& rows) {
    NEPENTHE_CHECK(logits.is_contiguous() && logits.size(0) == targets.numel() &&
                   rows.size() == static_cast<std::size_t>(logits.size(0)));
    const float cap = static_cast<float>(soft_cap);
    logits.scalar_type() == at::kFloat ? take_in<float>(logits, first_id, targets, cap, rows)
                                       : take_in<c10::BFloat16>(logits, first_id, targets, cap, rows);
}

void gradient_of_tile(const at::Tensor& logits, std::int64_t first_id, const at::Tensor& targets, double soft_cap,
                      double scale, const std::vector<RowSoftmax>& rows) {
    NEPENTHE_CHECK(logits.is_contiguous() && logits.size(0) == targets.numel());
    const float cap = static_cast<float>(soft_cap), factor = static_cast<float>(scale);
    logits.scalar_type() == at::kFloat ? gradients<float>(logits, first_id, targets, cap, factor, rows)
                                       : gradients<c10::BFloat16>(logits, first_id, targets, cap, factor, rows);
}

}  // namespace nepenthe::train
