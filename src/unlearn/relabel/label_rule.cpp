#include "unlearn/relabel/label_rule.h"

#include "kernels/combine.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

namespace nepenthe::unlearn {

namespace {

constexpr float kLowest = -std::numeric_limits<float>::infinity();

// log p/(1 − p) of a log-probability. What fp32 logits leave of 1 − p is 1e-6.
double log_odds(float log_probability) {
    const double p = std::exp(static_cast<double>(log_probability));
    return static_cast<double>(log_probability) - std::log(std::max(1.0 - p, 1e-6));
}

}  // namespace

std::string_view combine_name(Combine combine) {
    switch (combine) {
        case Combine::kLogits: return "logits";
        case Combine::kLogProbs: return "logprobs";
        case Combine::kLogOdds: return "logodds";
    }
    return "";
}

Combine parse_combine(std::string_view name) {
    for (const Combine combine : {Combine::kLogits, Combine::kLogProbs, Combine::kLogOdds}) {
        if (name == combine_name(combine)) return combine;
    }
    fail(ErrorKind::kUsage, "combination \"{}\" is not known; there are \"logits\", \"logprobs\" and \"logodds\"",
         name);
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

PositionRule::PositionRule(const LabelRule& rule, float lse_baseline, float lse_reinforced)
    : rule_(rule),
      lse_b_(lse_baseline),
      lse_r_(lse_reinforced),
      shift_b_(rule.combine == Combine::kLogits ? 0.0f : lse_baseline),
      shift_r_(rule.combine == Combine::kLogits ? 0.0f : lse_reinforced) {}

float PositionRule::value(float baseline, float reinforced) const {
    const float b = baseline - shift_b_, r = reinforced - shift_r_;
    if (rule_.combine != Combine::kLogOdds) return kernels::combine_value(b, r, rule_.alpha);
    if (r <= b) return b;
    const double over = std::max(log_odds(r) - log_odds(b), 0.0);
    return static_cast<float>(static_cast<double>(b) - static_cast<double>(rule_.alpha) * over);
}

float PositionRule::bar(const TopKRow& row) const {
    if (rule_.plausible == 0) return kLowest;
    std::size_t reference = 0;
    if (rule_.combine == Combine::kLogOdds) {
        while (reference < row.index.size() && taught(row.baseline[reference], row.reinforced[reference])) ++reference;
        if (reference == row.index.size()) return kLowest;
    }
    return row.baseline[reference] + std::log(rule_.plausible);
}

float PositionRule::lone_margin() const { return -std::log(rule_.plausible); }

TopKDecision decide_from_top_k(const TopKRow& row, const LabelRule& rule) {
    const PositionRule here(rule, row.lse_baseline, row.lse_reinforced);
    const float bar = here.bar(row);
    TopKDecision out;
    float first = kLowest, second = kLowest;
    // Entries fall, so that the plausible ones come first.
    for (std::size_t i = 0; i < row.index.size() && row.baseline[i] >= bar; ++i) {
        const float v = here.value(row.baseline[i], row.reinforced[i]);
        const bool better = v > first || (v == first && row.index[i] < out.label);
        second = std::max(second, better ? first : v);
        if (better) {
            first = v;
            out.label = row.index[i];
        }
    }
    out.exact = row.baseline.back() < bar;
    if (out.exact) {
        out.certified = true;
        out.margin = second == kLowest ? here.lone_margin() : first - second;
    } else {
        const float outside = here.scaled(row.baseline.back());
        out.certified = first > outside;
        out.margin = first - std::max(second, outside);
    }
    return out;
}

}  // namespace nepenthe::unlearn
