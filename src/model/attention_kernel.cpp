#include "model/attention_kernel.h"

#include "kernels/vector_math.h"
#include "model/gemm.h"
#include "model/short_attention.h"

#include <ATen/Parallel.h>
#include <torch/types.h>

#include <algorithm>
#include <cmath>
#include <limits>

namespace nepenthe::model {

namespace {

using kernels::exp_of_non_positive;
using kernels::lane_maximum;
using kernels::lane_sum;
using kernels::load;
using kernels::store;
using kernels::with_instruction_set;

// Queries a tile: small enough that causality saves work, large enough for the matrix product.
constexpr std::int64_t kTile = 128;

// The keys that a tile of queries can see, as a range, and what row i of the tile sees within it.
struct TileRange {
    std::int64_t first_query, queries;
    std::int64_t first_key, keys;
    std::int64_t past, window;
    const bool* key_mask;  // of this batch row, or nullptr
    const float* key_bias = nullptr;

    TileRange(std::int64_t tile, std::int64_t positions, const AttentionOptions& options, std::int64_t batch,
              std::int64_t head)
        : first_query(tile * kTile),
          queries(std::min(kTile, positions - first_query)),
          past(options.past),
          window(options.window),
          key_mask(nullptr) {
        first_key = window > 0 ? std::max<std::int64_t>(0, past + first_query - window + 1) : 0;
        keys = past + first_query + queries - first_key;
        if (options.key_mask.defined()) {
            key_mask = options.key_mask.const_data_ptr<bool>() + batch * options.key_mask.size(1) + first_key;
        }
        if (const float* of_head = bias_of(options, batch, head); of_head != nullptr) key_bias = of_head + first_key;
    }
    // Columns [begin, end) of row i; the last one is the query itself.
    std::int64_t begin(std::int64_t i) const {
        return window > 0 ? std::max<std::int64_t>(0, past + first_query + i - window + 1 - first_key) : 0;
    }
    std::int64_t end(std::int64_t i) const { return past + first_query + i + 1 - first_key; }
};

// Scores of one row in place: scaled, capped, biased, and −inf where the key is padding.
NEPENTHE_ALWAYS_INLINE void finish_scores(float* row, std::int64_t begin, std::int64_t end, const bool* mask,
                                          const float* bias, float scale, float cap) {
    for (std::int64_t j = begin; j < end; ++j) {
        row[j] *= scale;
    }
    if (cap > 0.0f) {
        for (std::int64_t j = begin; j < end; ++j) {
            row[j] = cap * std::tanh(row[j] / cap);
        }
    }
    if (bias != nullptr) {
        const float own = bias[end - 1];
        for (std::int64_t j = begin; j < end; ++j) {
            row[j] += bias[j] - own;
        }
    }
    if (mask != nullptr) {
        for (std::int64_t j = begin; j < end - 1; ++j) {
            row[j] = mask[j] ? row[j] : -std::numeric_limits<float>::infinity();
        }
    }
}

template <typename Value>
NEPENTHE_ALWAYS_INLINE void softmax_rows(float* scores, Value* out, float* log_sums, const TileRange& range,
                                         float scale, float cap) {
    for (std::int64_t i = 0; i < range.queries; ++i, scores += range.keys, out += range.keys) {
        const std::int64_t begin = range.begin(i), end = range.end(i);
        finish_scores(scores, begin, end, range.key_mask, range.key_bias, scale, cap);
        const float most = lane_maximum(scores + begin, end - begin);
        for (std::int64_t j = begin; j < end; ++j) {
            scores[j] = exp_of_non_positive(scores[j] - most);
        }
        const float sum = lane_sum(end - begin, [&](std::int64_t j) NEPENTHE_INLINED { return scores[begin + j]; });
        log_sums[i] = most + std::log(sum);
        const float inverse = 1.0f / sum;
        for (std::int64_t j = 0; j < begin; ++j) {
            store(out + j, 0.0f);
        }
        for (std::int64_t j = begin; j < end; ++j) {
            store(out + j, scores[j] * inverse);
        }
        for (std::int64_t j = end; j < range.keys; ++j) {
            store(out + j, 0.0f);
        }
    }
}

// Probabilities again from scores and log-sums; where a cap bends the scores, `bend` receives its derivative.
template <typename Value>
NEPENTHE_ALWAYS_INLINE void recompute_rows(float* scores, Value* out, float* bend, const float* log_sums,
                                           const TileRange& range, float scale, float cap) {
    for (std::int64_t i = 0; i < range.queries; ++i, scores += range.keys, out += range.keys) {
        const std::int64_t begin = range.begin(i), end = range.end(i);
        finish_scores(scores, begin, end, nullptr, range.key_bias, scale, cap);
        if (cap > 0.0f) {
            float* slope = bend + i * range.keys;
            for (std::int64_t j = begin; j < end; ++j) {
                slope[j] = 1.0f - (scores[j] / cap) * (scores[j] / cap);
            }
        }
        finish_scores(scores, begin, end, range.key_mask, nullptr, 1.0f, 0.0f);
        for (std::int64_t j = 0; j < begin; ++j) {
            scores[j] = 0.0f;
        }
        for (std::int64_t j = begin; j < end; ++j) {
            scores[j] = exp_of_non_positive(scores[j] - log_sums[i]);
        }
        for (std::int64_t j = end; j < range.keys; ++j) {
            scores[j] = 0.0f;
        }
        for (std::int64_t j = 0; j < range.keys; ++j) {
            store(out + j, scores[j]);
        }
    }
}

// dS = P (dP − Σ P dP) · scale (· bend), written over dP.
template <typename Value>
NEPENTHE_ALWAYS_INLINE void score_gradient_rows(const float* p, Value* dp, const float* bend, const TileRange& range,
                                                float scale) {
    const std::int64_t keys = range.keys;
    for (std::int64_t i = 0; i < range.queries; ++i, p += keys, dp += keys) {
        const float delta = lane_sum(keys, [&](std::int64_t j) NEPENTHE_INLINED { return p[j] * load(dp + j); });
        if (bend == nullptr) {
            for (std::int64_t j = 0; j < keys; ++j) {
                store(dp + j, p[j] * (load(dp + j) - delta) * scale);
            }
        } else {
            const float* slope = bend + i * keys;
            for (std::int64_t j = 0; j < keys; ++j) {
                store(dp + j, p[j] * (load(dp + j) - delta) * scale * slope[j]);
            }
        }
    }
}

template <typename Value>
void softmax(float* scores, Value* out, float* log_sums, const TileRange& range, float scale, float cap) {
    with_instruction_set([=]() NEPENTHE_INLINED { softmax_rows(scores, out, log_sums, range, scale, cap); });
}
template <typename Value>
void recompute(float* scores, Value* out, float* bend, const float* log_sums, const TileRange& range, float scale,
               float cap) {
    with_instruction_set([=]() NEPENTHE_INLINED { recompute_rows(scores, out, bend, log_sums, range, scale, cap); });
}
template <typename Value>
void score_gradient(const float* p, Value* dp, const float* bend, const TileRange& range, float scale) {
    with_instruction_set([=]() NEPENTHE_INLINED { score_gradient_rows(p, dp, bend, range, scale); });
}

// Matrix [rows, head_dim] of one head, from position `first` on.
at::Tensor head_rows(const at::Tensor& heads, std::int64_t batch, std::int64_t head, std::int64_t first,
                     std::int64_t rows) {
    return heads[batch][head].narrow(0, first, rows);
}

template <typename Value>
void forward_tile(const at::Tensor& query, const at::Tensor& key, const at::Tensor& exact_query,
                  const at::Tensor& exact_key, const at::Tensor& value, const AttentionOptions& options,
                  std::int64_t batch, std::int64_t head, const TileRange& range, AttentionResult& result) {
    const std::int64_t kv = head / (query.size(1) / key.size(1));
    at::Tensor scores = matrix_product(head_rows(exact_query, batch, head, range.first_query, range.queries),
                                       head_rows(exact_key, batch, kv, range.first_key, range.keys).t());
    at::Tensor p = query.scalar_type() == at::kFloat ? scores : at::empty(scores.sizes(), query.options());
    float* log_sums =
        result.log_sums.mutable_data_ptr<float>() + (batch * query.size(1) + head) * query.size(2) + range.first_query;
    softmax(scores.mutable_data_ptr<float>(), p.mutable_data_ptr<Value>(), log_sums, range,
            static_cast<float>(options.scale), static_cast<float>(options.soft_cap));
    const std::int64_t n = query.size(3);
    result.output[batch]
        .narrow(0, range.first_query, range.queries)
        .narrow(1, head * n, n)
        .copy_(matrix_product(p, head_rows(value, batch, kv, range.first_key, range.keys)));
}

// What the backward pass of one (batch, kv head) reads and writes.
struct BackwardHead {
    const at::Tensor& gradient;
    const at::Tensor& query;
    const at::Tensor& key;
    const at::Tensor& value;
    const at::Tensor& exact_query;
    const at::Tensor& exact_key;
    const at::Tensor& log_sums;
    const AttentionOptions& options;
    at::Tensor& dquery;  // [batch, position, head, head_dim]
    at::Tensor dkey;     // [key, head_dim] fp32
    at::Tensor dvalue;
};

template <typename Value>
void backward_tile(BackwardHead& work, std::int64_t batch, std::int64_t head, std::int64_t kv, const TileRange& range) {
    const at::Tensor& query = work.query;
    const std::int64_t n = query.size(3);
    const float cap = static_cast<float>(work.options.soft_cap), scale = static_cast<float>(work.options.scale);
    at::Tensor scores = matrix_product(head_rows(work.exact_query, batch, head, range.first_query, range.queries),
                                       head_rows(work.exact_key, batch, kv, range.first_key, range.keys).t());
    at::Tensor p = query.scalar_type() == at::kFloat ? scores : at::empty(scores.sizes(), query.options());
    at::Tensor bend = cap > 0.0f ? at::zeros(scores.sizes(), scores.options()) : at::Tensor();
    float* bends = bend.defined() ? bend.mutable_data_ptr<float>() : nullptr;
    const float* log_sums =
        work.log_sums.const_data_ptr<float>() + (batch * query.size(1) + head) * query.size(2) + range.first_query;
    recompute(scores.mutable_data_ptr<float>(), p.mutable_data_ptr<Value>(), bends, log_sums, range, scale, cap);

    const at::Tensor dy = work.gradient[batch].narrow(0, range.first_query, range.queries).narrow(1, head * n, n);
    work.dvalue.narrow(0, range.first_key, range.keys).add_(matrix_product(p.t(), dy));
    at::Tensor ds = matrix_product(dy, head_rows(work.value, batch, kv, range.first_key, range.keys).t());
    score_gradient(scores.const_data_ptr<float>(), ds.mutable_data_ptr<Value>(), bends, range, scale);
    work.dkey.narrow(0, range.first_key, range.keys)
        .add_(matrix_product(ds.t(), head_rows(query, batch, head, range.first_query, range.queries)));
    work.dquery[batch]
        .narrow(0, range.first_query, range.queries)
        .select(1, head)
        .copy_(matrix_product(ds, head_rows(work.key, batch, kv, range.first_key, range.keys)));
}

}  // namespace

AttentionResult attention_forward(const at::Tensor& query, const at::Tensor& key, const at::Tensor& value,
                                  const AttentionOptions& options) {
    const at::NoGradGuard no_grad;
    const std::int64_t batch = query.size(0), heads = query.size(1), positions = query.size(2), n = query.size(3);
    AttentionResult result{at::empty({batch, positions, heads * n}, query.options()),
                           at::empty({batch, heads, positions}, query.options().dtype(at::kFloat))};
    if (is_short(positions)) {
        short_attention_forward(query, key, value, options, result);
        return result;
    }
    const at::Tensor exact_query = query.to(at::kFloat), exact_key = key.to(at::kFloat);
    const std::int64_t tiles = (positions + kTile - 1) / kTile;
    at::parallel_for(0, batch * heads * tiles, 1, [&](std::int64_t begin, std::int64_t end) {
        const at::NoGradGuard thread_no_grad;
        for (std::int64_t task = begin; task < end; ++task) {
            const std::int64_t row = task / (heads * tiles), head = task / tiles % heads;
            const TileRange range(task % tiles, positions, options, row, head);
            query.scalar_type() == at::kFloat
                ? forward_tile<float>(query, key, exact_query, exact_key, value, options, row, head, range, result)
                : forward_tile<c10::BFloat16>(query, key, exact_query, exact_key, value, options, row, head, range,
                                              result);
        }
    });
    return result;
}

AttentionGradients attention_backward(const at::Tensor& gradient, const at::Tensor& query, const at::Tensor& key,
                                      const at::Tensor& value, const at::Tensor& log_sums,
                                      const AttentionOptions& options) {
    const at::NoGradGuard no_grad;
    const std::int64_t batch = query.size(0), heads = query.size(1), positions = query.size(2), n = query.size(3);
    const std::int64_t kv_heads = key.size(1), keys = key.size(2), group = heads / kv_heads;
    at::Tensor dquery = at::empty({batch, positions, heads, n}, query.options());
    at::Tensor dkey = at::empty({batch, keys, kv_heads, n}, query.options());
    at::Tensor dvalue = at::empty({batch, keys, kv_heads, n}, query.options());
    if (is_short(positions)) {
        short_attention_backward(gradient, query, key, value, log_sums, options, dquery, dkey, dvalue);
        return {dquery.transpose(1, 2), dkey.transpose(1, 2), dvalue.transpose(1, 2)};
    }
    const at::Tensor exact_query = query.to(at::kFloat), exact_key = key.to(at::kFloat);
    at::parallel_for(0, batch * kv_heads, 1, [&](std::int64_t begin, std::int64_t end) {
        const at::NoGradGuard thread_no_grad;
        for (std::int64_t task = begin; task < end; ++task) {
            const std::int64_t row = task / kv_heads, kv = task % kv_heads;
            const auto exact = query.options().dtype(at::kFloat);
            BackwardHead work{gradient,
                              query,
                              key,
                              value,
                              exact_query,
                              exact_key,
                              log_sums,
                              options,
                              dquery,
                              at::zeros({keys, n}, exact),
                              at::zeros({keys, n}, exact)};
            for (std::int64_t head = kv * group; head < (kv + 1) * group; ++head) {
                for (std::int64_t tile = 0; tile * kTile < positions; ++tile) {
                    const TileRange range(tile, positions, options, row, head);
                    query.scalar_type() == at::kFloat ? backward_tile<float>(work, row, head, kv, range)
                                                      : backward_tile<c10::BFloat16>(work, row, head, kv, range);
                }
            }
            dkey[row].select(1, kv).copy_(work.dkey);
            dvalue[row].select(1, kv).copy_(work.dvalue);
        }
    });
    return {dquery.transpose(1, 2), dkey.transpose(1, 2), dvalue.transpose(1, 2)};
}

}  // namespace nepenthe::model
