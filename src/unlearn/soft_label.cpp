#include "unlearn/soft_label.h"

#include "kernels/combine.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace nepenthe::unlearn {

TopKRow top_k_row(const CombinedRows& rows, std::size_t row) {
    const auto k = static_cast<std::size_t>(rows.top_k);
    return {std::span(rows.top_index).subspan(row * k, k), std::span(rows.top_baseline).subspan(row * k, k),
            std::span(rows.top_reinforced).subspan(row * k, k), rows.lse_baseline[row], rows.lse_reinforced[row]};
}

train::Distribution soft_label(const TopKRow& row, const LabelRule& rule, text::TokenId next) {
    const bool logprobs = rule.combine == Combine::kLogProbs;
    const float shift_b = logprobs ? row.lse_baseline : 0.0f, shift_r = logprobs ? row.lse_reinforced : 0.0f;
    const float bar = plausible_bar(row.baseline[0], rule.plausible);
    std::vector<std::pair<std::int64_t, double>> named;  // token, v and then probability
    double kept = 0, largest = -std::numeric_limits<double>::infinity();
    for (std::size_t i = 0; i < row.index.size() && row.baseline[i] >= bar; ++i) {
        const float v = kernels::combine_value(row.baseline[i] - shift_b, row.reinforced[i] - shift_r, rule.alpha);
        named.emplace_back(row.index[i], static_cast<double>(v));
        largest = std::max(largest, named.back().second);
        kept += std::exp(static_cast<double>(row.baseline[i]) - static_cast<double>(row.lse_baseline));
    }
    kept = std::min(kept, 1.0);
    double sum = 0;
    for (auto& [token, value] : named) sum += value = std::exp(value - largest);
    for (auto& [token, value] : named) value *= kept / sum;
    if (std::ranges::none_of(named, [&](const auto& item) { return item.first == next; })) named.emplace_back(next, 0);
    std::sort(named.begin(), named.end());
    train::Distribution out;
    for (const auto& [token, probability] : named) {
        out.ids.push_back(token);
        out.probabilities.push_back(static_cast<float>(probability));
    }
    out.rest = static_cast<float>(1.0 - kept);
    return out;
}

double divergence(const TopKRow& row) {
    double sum = 0, rest_b = 1, rest_r = 1;
    for (std::size_t i = 0; i < row.index.size(); ++i) {
        const double log_b = static_cast<double>(row.baseline[i]) - static_cast<double>(row.lse_baseline);
        const double log_r = static_cast<double>(row.reinforced[i]) - static_cast<double>(row.lse_reinforced);
        sum += std::exp(log_b) * (log_b - log_r);
        rest_b -= std::exp(log_b);
        rest_r -= std::exp(log_r);
    }
    constexpr double kLeast = 1e-6;  // what fp32 logits leave of one
    rest_b = std::max(rest_b, 0.0), rest_r = std::max(rest_r, kLeast);
    if (rest_b > kLeast) sum += rest_b * std::log(rest_b / rest_r);
    return std::max(sum, 0.0);
}

}  // namespace nepenthe::unlearn
