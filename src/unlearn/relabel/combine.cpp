#include "unlearn/relabel/combine.h"

#include "base/error.h"
#include "kernels/combine.h"
#include "kernels/row_statistics.h"
#include "kernels/top_k.h"

#include <ATen/Parallel.h>

#include <algorithm>
#include <cmath>
#include <limits>

namespace nepenthe::unlearn {

namespace {

template <typename T>
std::span<T> row_of(std::span<T> rows, std::int64_t row, std::int64_t width) {
    return rows.subspan(static_cast<std::size_t>(row * width), static_cast<std::size_t>(width));
}

template <typename T>
std::span<T> row_of(std::vector<T>& rows, std::int64_t row, std::int64_t width) {
    return row_of(std::span<T>(rows), row, width);
}

// The label over all of two rows, for rules that the sweep over several α does not know: those whose value needs more
// than a subtraction, of a few tokens in general.
TopKDecision decide_from_rows(std::span<const float> b, std::span<const float> r, const TopKRow& top,
                              const LabelRule& rule) {
    TopKDecision out = decide_from_top_k(top, rule);
    if (out.exact) return out;
    const PositionRule here(rule, top.lse_baseline, top.lse_reinforced);
    // The bar is relative to a token of the top-k, or to the best outside that the corpus did not teach.
    float bar = here.bar(top);
    if (rule.plausible > 0 && std::isinf(bar)) {
        float reference = -std::numeric_limits<float>::infinity();
        for (std::size_t i = 0; i < b.size(); ++i) {
            if (!here.taught(b[i], r[i])) reference = std::max(reference, b[i]);
        }
        bar = reference + std::log(rule.plausible);
    }
    float first = -std::numeric_limits<float>::infinity(), second = first;
    for (std::size_t i = 0; i < b.size(); ++i) {
        if (b[i] < bar) continue;
        const float v = here.value(b[i], r[i]);
        if (v > first) {
            second = first;
            first = v;
            out.label = static_cast<std::int32_t>(i);
        } else {
            second = std::max(second, v);
        }
    }
    out.margin = std::isinf(second) ? here.lone_margin() : first - second;
    return out;
}

void keep_decision(const TopKDecision& decision, CombinedRows& out, std::size_t cell) {
    out.label[cell] = decision.label;
    out.margin[cell] = decision.margin;
    out.certificate[cell] = decision.certified;
}

// One position: statistics, forbidden tokens, top-k, then every α.
void combine_row(std::span<float> b, std::span<const float> r, std::span<const text::TokenId> forbidden,
                 const CombineOptions& options, CombinedRows& out, std::int64_t row) {
    const auto at = static_cast<std::size_t>(row);
    const auto mean = static_cast<float>(kernels::row_sum(b) / static_cast<double>(b.size()));
    for (const text::TokenId token : forbidden) b[static_cast<std::size_t>(token)] = mean;
    const float lse_b = kernels::row_log_sum_exp(b), lse_r = kernels::row_log_sum_exp(r);
    if (!std::isfinite(mean) || !std::isfinite(lse_b) || !std::isfinite(lse_r)) {
        fail(ErrorKind::kGate, "logits of the {} model are not finite; check its weights (verify)",
             std::isfinite(lse_r) ? "baseline" : "reinforced");
    }
    out.mean_baseline[at] = mean;
    out.lse_baseline[at] = lse_b;
    out.lse_reinforced[at] = lse_r;

    std::vector<std::int32_t> scratch;
    const auto index = row_of(out.top_index, row, out.top_k);
    const auto top_b = row_of(out.top_baseline, row, out.top_k);
    const auto top_r = row_of(out.top_reinforced, row, out.top_k);
    kernels::row_top_k(b, scratch, index);
    for (std::size_t i = 0; i < index.size(); ++i) {
        top_b[i] = b[static_cast<std::size_t>(index[i])];
        top_r[i] = r[static_cast<std::size_t>(index[i])];
    }
    out.baseline_argmax[at] = index[0];

    const TopKRow top{index, top_b, top_r, lse_b, lse_r};
    const std::size_t alphas = options.alphas.size();
    if (options.combine == Combine::kLogOdds) {
        for (std::size_t i = 0; i < alphas; ++i) {
            keep_decision(decide_from_rows(b, r, top, options.rule(i)), out, at * alphas + i);
        }
        return;
    }
    const bool logprobs = options.combine == Combine::kLogProbs;
    const PositionRule here(options.rule(0), lse_b, lse_r);
    std::vector<kernels::Best> best(alphas);
    kernels::row_combine(b, logprobs ? lse_b : 0.0f, here.bar(top), r, logprobs ? lse_r : 0.0f, options.alphas, best);
    for (std::size_t i = 0; i < alphas; ++i) {
        TopKDecision decision = decide_from_top_k(top, options.rule(i));
        decision.label = best[i].index;
        decision.margin = std::isinf(best[i].second) ? here.lone_margin() : best[i].first - best[i].second;
        keep_decision(decision, out, at * alphas + i);
    }
}

}  // namespace

void CombinedRows::resize(std::int64_t positions, std::int64_t alpha_count, std::int64_t k) {
    alphas = alpha_count;
    top_k = k;
    const auto n = static_cast<std::size_t>(positions);
    const std::size_t cells = n * static_cast<std::size_t>(alpha_count), kept = n * static_cast<std::size_t>(k);
    label.resize(cells);
    margin.resize(cells);
    certificate.resize(cells);
    baseline_argmax.resize(n);
    top_index.resize(kept);
    top_baseline.resize(kept);
    top_reinforced.resize(kept);
    lse_baseline.resize(n);
    lse_reinforced.resize(n);
    mean_baseline.resize(n);
}

void combine_rows(std::span<float> baseline, std::span<const float> reinforced, std::int64_t positions,
                  std::int64_t vocabulary, std::span<const std::span<const text::TokenId>> forbidden,
                  const CombineOptions& options, CombinedRows& out, std::int64_t first) {
    NEPENTHE_CHECK(baseline.size() == static_cast<std::size_t>(positions * vocabulary));
    NEPENTHE_CHECK(reinforced.size() == baseline.size());
    NEPENTHE_CHECK(forbidden.size() == static_cast<std::size_t>(positions));
    NEPENTHE_CHECK(out.alphas == static_cast<std::int64_t>(options.alphas.size()));
    at::parallel_for(0, positions, 1, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t i = begin; i < end; ++i) {
            combine_row(row_of(baseline, i, vocabulary), row_of(reinforced, i, vocabulary),
                        forbidden[static_cast<std::size_t>(i)], options, out, first + i);
        }
    });
}

TopKRow top_k_row(const CombinedRows& rows, std::size_t row) {
    const auto k = static_cast<std::size_t>(rows.top_k);
    return {std::span(rows.top_index).subspan(row * k, k), std::span(rows.top_baseline).subspan(row * k, k),
            std::span(rows.top_reinforced).subspan(row * k, k), rows.lse_baseline[row], rows.lse_reinforced[row]};
}

}  // namespace nepenthe::unlearn
