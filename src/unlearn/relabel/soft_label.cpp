#include "unlearn/relabel/soft_label.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

namespace nepenthe::unlearn {

train::Distribution soft_label(const TopKRow& row, const LabelRule& rule, text::TokenId next) {
    const PositionRule here(rule, row.lse_baseline, row.lse_reinforced);
    const float bar = here.bar(row);
    std::vector<std::pair<std::int64_t, double>> named;  // token, v and then probability
    double kept = 0, largest = -std::numeric_limits<double>::infinity();
    for (std::size_t i = 0; i < row.index.size() && row.baseline[i] >= bar; ++i) {
        named.emplace_back(row.index[i], static_cast<double>(here.value(row.baseline[i], row.reinforced[i])));
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

double divergence(const TopKRow& row, const train::Distribution& label) {
    constexpr double kLeast = 1e-6;  // what fp32 logits leave of one
    double sum = 0, others = 1, reinforced_others = 1;
    for (std::size_t i = 0; i < row.index.size(); ++i) {
        const auto at = std::ranges::lower_bound(label.ids, std::int64_t{row.index[i]});
        if (at == label.ids.end() || *at != row.index[i]) continue;
        const double wanted =
            static_cast<double>(label.probabilities[static_cast<std::size_t>(at - label.ids.begin())]);
        const double log_r = static_cast<double>(row.reinforced[i]) - static_cast<double>(row.lse_reinforced);
        if (wanted > 0) sum += wanted * (std::log(wanted) - log_r);
        others -= wanted;
        reinforced_others -= std::exp(log_r);
    }
    if (others > kLeast) sum += others * std::log(others / std::max(reinforced_others, kLeast));
    return std::max(sum, 0.0);
}

}  // namespace nepenthe::unlearn
