#include "model/short_attention.h"

#include "kernels/vector_math.h"

#include <ATen/Parallel.h>
#include <torch/types.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

namespace nepenthe::model {

namespace {

using kernels::exp_of_non_positive;
using kernels::lane_maximum;
using kernels::lane_sum;
using kernels::load;
using kernels::store;
using kernels::with_instruction_set;

// One head of one row of the batch: matrices of head_dim dense columns.
template <typename Value>
struct Head {
    const Value *query, *key, *value;
    std::int64_t query_stride, key_stride, value_stride;
    std::int64_t queries, keys, n, window;
    const bool* mask;
    const float* bias;
    float scale, cap;

    Head(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, const AttentionOptions& options,
         std::int64_t row, std::int64_t head, std::int64_t kv)
        : query(q.const_data_ptr<Value>() + row * q.stride(0) + head * q.stride(1)),
          key(k.const_data_ptr<Value>() + row * k.stride(0) + kv * k.stride(1)),
          value(v.const_data_ptr<Value>() + row * v.stride(0) + kv * v.stride(1)),
          query_stride(q.stride(2)),
          key_stride(k.stride(2)),
          value_stride(v.stride(2)),
          queries(q.size(2)),
          keys(k.size(2)),
          n(q.size(3)),
          window(options.window),
          mask(options.key_mask.defined() ? options.key_mask.const_data_ptr<bool>() + row * options.key_mask.size(1)
                                          : nullptr),
          bias(bias_of(options, row, head)),
          scale(static_cast<float>(options.scale)),
          cap(static_cast<float>(options.soft_cap)) {}

    // Keys [begin, end) that query i sees; the last one is its own.
    std::int64_t end(std::int64_t i) const { return keys - queries + i + 1; }
    std::int64_t begin(std::int64_t i) const { return window > 0 ? std::max<std::int64_t>(0, end(i) - window) : 0; }
};

template <typename A, typename B>
NEPENTHE_ALWAYS_INLINE float dot(const A* a, const B* b, std::int64_t n) {
    return lane_sum(n, [=](std::int64_t i) NEPENTHE_INLINED { return load(a + i) * load(b + i); });
}

// sum += factor * row.
template <typename Value>
NEPENTHE_ALWAYS_INLINE void add_scaled(float* sum, const Value* row, float factor, std::int64_t n) {
    for (std::int64_t i = 0; i < n; ++i) sum[i] += factor * load(row + i);
}

// Scores of query i against the keys that it sees, capped; −inf where a key is padding.
template <typename Value>
NEPENTHE_ALWAYS_INLINE void score_query(const Head<Value>& head, std::int64_t i, float* scores) {
    const Value* query = head.query + i * head.query_stride;
    const std::int64_t end = head.end(i);
    for (std::int64_t j = head.begin(i); j < end; ++j) {
        if (head.mask != nullptr && j + 1 < end && !head.mask[j]) {
            scores[j] = -std::numeric_limits<float>::infinity();
            continue;
        }
        const float score = dot(query, head.key + j * head.key_stride, head.n) * head.scale;
        scores[j] = head.cap > 0.0f ? head.cap * std::tanh(score / head.cap) : score;
    }
    if (head.bias != nullptr) {
        for (std::int64_t j = head.begin(i); j < end; ++j) scores[j] += head.bias[j] - head.bias[end - 1];
    }
}

// `scores` [key] and `sum` [head_dim] are scratch.
template <typename Value>
NEPENTHE_ALWAYS_INLINE void head_forward_rows(const Head<Value>& head, Value* out, std::int64_t out_stride,
                                              float* log_sums, float* scores, float* sum) {
    for (std::int64_t i = 0; i < head.queries; ++i) {
        const std::int64_t begin = head.begin(i), end = head.end(i);
        score_query(head, i, scores);
        const float most = lane_maximum(scores + begin, end - begin);
        for (std::int64_t j = begin; j < end; ++j) scores[j] = exp_of_non_positive(scores[j] - most);
        const float total = lane_sum(end - begin, [=](std::int64_t j) NEPENTHE_INLINED { return scores[begin + j]; });
        log_sums[i] = most + std::log(total);
        std::fill_n(sum, head.n, 0.0f);
        for (std::int64_t j = begin; j < end; ++j) {
            if (scores[j] > 0.0f) add_scaled(sum, head.value + j * head.value_stride, scores[j] / total, head.n);
        }
        for (std::int64_t d = 0; d < head.n; ++d) store(out + i * out_stride + d, sum[d]);
    }
}

// dkey, dvalue [key, head_dim] fp32 are added to. Scratch: scores, slopes [key], sum [head_dim].
template <typename Value>
NEPENTHE_ALWAYS_INLINE void head_backward_rows(const Head<Value>& head, const Value* gradient,
                                               std::int64_t gradient_stride, const float* log_sums, Value* dquery,
                                               std::int64_t dquery_stride, float* dkey, float* dvalue, float* scores,
                                               float* slopes, float* sum) {
    const std::int64_t n = head.n;
    for (std::int64_t i = 0; i < head.queries; ++i) {
        const std::int64_t begin = head.begin(i), end = head.end(i);
        const Value* dy = gradient + i * gradient_stride;
        score_query(head, i, scores);
        float weighted = 0.0f;  // Σ p dp
        for (std::int64_t j = begin; j < end; ++j) {
            const float share = head.cap > 0.0f ? scores[j] / head.cap : 0.0f;
            const float p = exp_of_non_positive(scores[j] - log_sums[i]);
            slopes[j] = 0.0f;
            scores[j] = p;
            if (p <= 0.0f) continue;
            const float dp = dot(dy, head.value + j * head.value_stride, n);
            weighted += p * dp;
            slopes[j] = dp;
            add_scaled(dvalue + j * n, dy, p, n);
            if (head.cap > 0.0f) scores[j] = p * (1.0f - share * share);
        }
        std::fill_n(sum, n, 0.0f);
        const Value* query = head.query + i * head.query_stride;
        for (std::int64_t j = begin; j < end; ++j) {
            if (scores[j] <= 0.0f) continue;
            const float ds = scores[j] * (slopes[j] - weighted) * head.scale;
            add_scaled(sum, head.key + j * head.key_stride, ds, n);
            add_scaled(dkey + j * n, query, ds, n);
        }
        for (std::int64_t d = 0; d < n; ++d) store(dquery + i * dquery_stride + d, sum[d]);
    }
}

template <typename Value>
void forward_head(const Head<Value>& head, Value* out, std::int64_t out_stride, float* log_sums, float* scores,
                  float* sum) {
    with_instruction_set([=]() NEPENTHE_INLINED { head_forward_rows(head, out, out_stride, log_sums, scores, sum); });
}
template <typename Value>
void backward_head(const Head<Value>& head, const Value* gradient, std::int64_t gradient_stride, const float* log_sums,
                   Value* dquery, std::int64_t dquery_stride, float* dkey, float* dvalue, float* scores, float* slopes,
                   float* sum) {
    with_instruction_set([=]() NEPENTHE_INLINED {
        head_backward_rows(head, gradient, gradient_stride, log_sums, dquery, dquery_stride, dkey, dvalue, scores,
                           slopes, sum);
    });
}

template <typename Value>
void forward(const at::Tensor& query, const at::Tensor& key, const at::Tensor& value, const AttentionOptions& options,
             AttentionResult& result) {
    const std::int64_t heads = query.size(1), positions = query.size(2), n = query.size(3), group = heads / key.size(1);
    Value* out = result.output.template mutable_data_ptr<Value>();
    float* log_sums = result.log_sums.mutable_data_ptr<float>();
    at::parallel_for(0, query.size(0) * heads, 1, [&](std::int64_t begin, std::int64_t end) {
        std::vector<float> scores(static_cast<std::size_t>(key.size(2))), sum(static_cast<std::size_t>(n));
        for (std::int64_t task = begin; task < end; ++task) {
            const std::int64_t row = task / heads, head = task % heads;
            forward_head(Head<Value>(query, key, value, options, row, head, head / group),
                         out + row * positions * heads * n + head * n, heads * n, log_sums + task * positions,
                         scores.data(), sum.data());
        }
    });
}

template <typename Value>
void backward(const at::Tensor& gradient, const at::Tensor& query, const at::Tensor& key, const at::Tensor& value,
              const at::Tensor& log_sums, const AttentionOptions& options, at::Tensor& dquery, at::Tensor& dkey,
              at::Tensor& dvalue) {
    const std::int64_t heads = query.size(1), positions = query.size(2), n = query.size(3), kv_heads = key.size(1);
    const std::int64_t keys = key.size(2), group = heads / kv_heads;
    const Value* dy = gradient.const_data_ptr<Value>();
    Value* dq = dquery.mutable_data_ptr<Value>();
    Value* dk = dkey.mutable_data_ptr<Value>();
    Value* dv = dvalue.mutable_data_ptr<Value>();
    at::parallel_for(0, query.size(0) * kv_heads, 1, [&](std::int64_t begin, std::int64_t end) {
        const auto size = static_cast<std::size_t>(keys);
        std::vector<float> scores(size), slopes(size), sum(static_cast<std::size_t>(n));
        std::vector<float> of_key(static_cast<std::size_t>(keys * n)), of_value(of_key.size());
        for (std::int64_t task = begin; task < end; ++task) {
            const std::int64_t row = task / kv_heads, kv = task % kv_heads;
            std::fill(of_key.begin(), of_key.end(), 0.0f);
            std::fill(of_value.begin(), of_value.end(), 0.0f);
            for (std::int64_t head = kv * group; head < (kv + 1) * group; ++head) {
                const std::int64_t at = row * positions * heads * n + head * n;
                backward_head(Head<Value>(query, key, value, options, row, head, kv), dy + at, heads * n,
                              log_sums.const_data_ptr<float>() + (row * heads + head) * positions, dq + at, heads * n,
                              of_key.data(), of_value.data(), scores.data(), slopes.data(), sum.data());
            }
            for (std::int64_t j = 0; j < keys; ++j) {
                const std::int64_t to = ((row * keys + j) * kv_heads + kv) * n;
                for (std::int64_t d = 0; d < n; ++d) {
                    store(dk + to + d, of_key[static_cast<std::size_t>(j * n + d)]);
                    store(dv + to + d, of_value[static_cast<std::size_t>(j * n + d)]);
                }
            }
        }
    });
}

}  // namespace

bool is_short(std::int64_t positions) {
    constexpr std::int64_t kMostQueries = 16;
    return positions <= kMostQueries;
}

void short_attention_forward(const at::Tensor& query, const at::Tensor& key, const at::Tensor& value,
                             const AttentionOptions& options, AttentionResult& result) {
    query.scalar_type() == at::kFloat ? forward<float>(query, key, value, options, result)
                                      : forward<c10::BFloat16>(query, key, value, options, result);
}

void short_attention_backward(const at::Tensor& gradient, const at::Tensor& query, const at::Tensor& key,
                              const at::Tensor& value, const at::Tensor& log_sums, const AttentionOptions& options,
                              at::Tensor& dquery, at::Tensor& dkey, at::Tensor& dvalue) {
    query.scalar_type() == at::kFloat
        ? backward<float>(gradient, query, key, value, log_sums, options, dquery, dkey, dvalue)
        : backward<c10::BFloat16>(gradient, query, key, value, log_sums, options, dquery, dkey, dvalue);
}

}  // namespace nepenthe::model
