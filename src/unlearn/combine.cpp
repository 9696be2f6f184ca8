#include "unlearn/combine.h"

#include "kernels/combine.h"
#include "kernels/row_statistics.h"
#include "kernels/top_k.h"

#include <ATen/Parallel.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

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

// Where one token alone is plausible, no other's value counts: it leads by the bar.
float margin_of(const kernels::Best& best, float plausible) {
    return std::isinf(best.second) ? -std::log(plausible) : best.first - best.second;
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

    const bool logprobs = options.combine == Combine::kLogProbs;
    std::vector<kernels::Best> best(options.alphas.size());
    const float bar = plausible_bar(top_b[0], options.plausible);
    kernels::row_combine(b, logprobs ? lse_b : 0.0f, bar, r, logprobs ? lse_r : 0.0f, options.alphas, best);
    for (std::size_t i = 0; i < best.size(); ++i) {
        const std::size_t cell = at * best.size() + i;
        out.label[cell] = best[i].index;
        out.margin[cell] = margin_of(best[i], options.plausible);
        out.certificate[cell] =
            decide_from_top_k(index, top_b, top_r, lse_b, lse_r, options.alphas[i], options.combine, options.plausible)
                .certified;
    }
}

}  // namespace

float plausible_bar(float largest, float plausible) { return largest + std::log(plausible); }

std::string_view combine_name(Combine combine) { return combine == Combine::kLogits ? "logits" : "logprobs"; }

Combine parse_combine(std::string_view name) {
    if (name == "logits") return Combine::kLogits;
    if (name == "logprobs") return Combine::kLogProbs;
    fail(ErrorKind::kUsage, "combination \"{}\" is not known; there are \"logits\" and \"logprobs\"", name);
}

void check_label_rules(const std::vector<double>& alphas, double plausible, Problems& problems) {
    if (alphas.empty()) problems.add("no alpha is given");
    std::set<double> seen;
    for (const double alpha : alphas) {
        if (!std::isfinite(alpha) || alpha < 0 || alpha > 1e6) problems.add("alpha {} is not in 0 … 1e6", alpha);
        if (!seen.insert(alpha).second) problems.add("alpha {} is given twice", alpha);
    }
    if (!(plausible >= 0 && plausible <= 1)) problems.add("plausible {} is not in 0 … 1", plausible);
}

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

TopKDecision decide_from_top_k(std::span<const std::int32_t> index, std::span<const float> baseline,
                               std::span<const float> reinforced, float lse_baseline, float lse_reinforced, float alpha,
                               Combine combine, float plausible) {
    const bool logprobs = combine == Combine::kLogProbs;
    const float shift_b = logprobs ? lse_baseline : 0.0f, shift_r = logprobs ? lse_reinforced : 0.0f;
    kernels::Best best{-std::numeric_limits<float>::infinity(), -std::numeric_limits<float>::infinity(), 0};
    const float bar = plausible_bar(baseline[0], plausible);
    // Entries fall, so that the plausible ones come first.
    for (std::size_t i = 0; i < index.size() && baseline[i] >= bar; ++i) {
        const float v = kernels::combine_value(baseline[i] - shift_b, reinforced[i] - shift_r, alpha);
        const bool better = v > best.first || (v == best.first && index[i] < best.index);
        best.second = std::max(best.second, better ? best.first : v);
        if (better) {
            best.first = v;
            best.index = index[i];
        }
    }
    if (baseline.back() < bar) return {best.index, margin_of(best, plausible), true};
    const float outside = baseline.back() - shift_b;
    return {best.index, best.first - std::max(best.second, outside), best.first > outside};
}

}  // namespace nepenthe::unlearn
