#include "evaluate/paired_measures.h"

#include "base/json_text.h"
#include "evaluate/area_under_curve.h"
#include "evaluate/metric.h"
#include "evaluate/statistics.h"

#include <algorithm>

namespace nepenthe::evaluate {

namespace {

// KnowEdit's kinds of locality that are measured by themselves as well.
constexpr std::pair<const char*, const char*> kLocality[] = {
    {"Relation_Specificity", "easyedit_locality_relation_specificity"},
    {"Forgetfulness", "easyedit_locality_forgetfulness"}};

bool all_hold(const TaskResult& result, const char* field) {
    return !result.items.empty() &&
           std::all_of(result.items.begin(), result.items.end(), [&](const Json& row) { return row.contains(field); });
}

// Of the prompts of a row, those of this kind; all of them for "".
bool is_of_kind(const Json& row, std::size_t prompt, const std::string& kind) {
    if (kind.empty()) return true;
    const auto kinds = row.find("locality_kinds");
    return kinds != row.end() && (*kinds)[prompt] == kind;
}

// Over facts that have unrelated prompts of the kind, the mean share of equal tokens.
Json locality(const TaskResult& before, const TaskResult& after, const std::string& kind) {
    std::vector<double> shares;
    for (std::size_t i = 0; i < before.items.size(); ++i) {
        const Json& first = before.items[i]["locality_argmax"];
        const Json& second = after.items[i]["locality_argmax"];
        double prompts = 0, sum = 0;
        for (std::size_t prompt = 0; prompt < first.size(); ++prompt) {
            if (!is_of_kind(before.items[i], prompt, kind)) continue;
            double equal = 0;
            for (std::size_t token = 0; token < first[prompt].size(); ++token) {
                equal += first[prompt][token] == second[prompt][token];
            }
            sum += equal / static_cast<double>(first[prompt].size());
            ++prompts;
        }
        if (prompts > 0) shares.push_back(sum / prompts);
    }
    double total = 0;
    for (const double share : shares) total += share;
    const Interval interval = mean95(shares);
    const double facts = static_cast<double>(shares.size());
    return {{"value", total / facts},
            {"numerator", total},
            {"denominator", facts},
            {"ci95", {finite_or_null(interval.low), finite_or_null(interval.high)}}};
}

bool any_located(const TaskResult& result) {
    return std::ranges::any_of(result.items, [](const Json& row) { return !row["locality_argmax"].empty(); });
}

bool any_of_kind(const TaskResult& result, const std::string& kind) {
    return std::ranges::any_of(result.items, [&](const Json& row) {
        const auto kinds = row.find("locality_kinds");
        return kinds != row.end() && std::find(kinds->begin(), kinds->end(), kind) != kinds->end();
    });
}

Json alteration(const TaskResult& before, const TaskResult& after) {
    std::int64_t changed = 0;
    Json ids = Json::array();
    for (std::size_t i = 0; i < before.items.size(); ++i) {
        if (before.items[i]["answer_ids"] == after.items[i]["answer_ids"]) continue;
        ++changed;
        ids.push_back(before.items[i]["id"]);
    }
    const auto items = static_cast<std::int64_t>(before.items.size());
    const Interval interval = wilson95(changed, items);
    return {{"value", static_cast<double>(changed) / static_cast<double>(items)},
            {"numerator", changed},
            {"denominator", items},
            {"ci95", {interval.low, interval.high}},
            {"changed", ids}};
}

std::vector<double> truth_ratios(const TaskResult& result) {
    std::vector<double> ratios;
    for (const Json& row : result.items) {
        if (const auto found = row.find("forget_truth"); found != row.end()) ratios.push_back(found->get<double>());
    }
    return ratios;
}

Json interval_json(const Interval& interval) { return {finite_or_null(interval.low), finite_or_null(interval.high)}; }

// d(A / B) = (dA − A / B · dB) / B.
Json leakage_between(const TaskResult& before, const TaskResult& after) {
    const MetricDefinition& area = metric_definition("min_k_auc");
    const Estimate retrained = estimate(area, before.items), unlearned = estimate(area, after.items);
    const double base = 1 - retrained.value, ratio = (1 - unlearned.value) / base;
    std::vector<double> influence;
    for (std::size_t i = 0; i < after.items.size(); ++i) {
        const double of_base = 1 - retrained.influence[i] - base, of_own = unlearned.value - unlearned.influence[i];
        influence.push_back(100 * (ratio - 1 + (of_own - ratio * of_base) / base));
    }
    return {{"value", finite_or_null(100 * (ratio - 1))},
            {"retrained", finite_or_null(base)},
            {"ci95", interval_json(mean95(influence))}};
}

Json reference_area(const TaskResult& before, const TaskResult& after) {
    const auto reference = item_values(before.items, "loss_auc"), own = item_values(after.items, "loss_auc");
    std::vector<double> scores;
    std::vector<int> groups;
    for (std::size_t i = 0; i < own.size(); ++i) {
        scores.push_back(own[i].numerator - reference[i].numerator);
        groups.push_back(own[i].denominator > 0 ? 1 : -1);
    }
    const AreaUnderCurve area = area_under_curve(scores, groups);
    return {{"value", finite_or_null(area.value)},
            {"numerator", area.wins},
            {"denominator", area.pairs},
            {"ci95", interval_json(delong95(area))}};
}

}  // namespace

Json paired_measures(const TaskResult& before, const TaskResult& after) {
    Json measures = Json::object();
    if (all_hold(before, "locality_argmax") && all_hold(after, "locality_argmax")) {
        if (any_located(before)) measures["easyedit_locality"] = locality(before, after, "");
        for (const auto& [kind, name] : kLocality) {
            if (any_of_kind(before, kind)) measures[name] = locality(before, after, kind);
        }
    }
    if (all_hold(before, "answer_ids") && all_hold(after, "answer_ids")) {
        measures["unintended_alteration"] = alteration(before, after);
    }
    const auto first = truth_ratios(before), second = truth_ratios(after);
    if (!first.empty() && !second.empty()) {
        const KolmogorovSmirnov test = ks_two_sample(first, second);
        measures["forget_quality"] = {
            {"value", test.p_value}, {"statistic", test.statistic}, {"n", {first.size(), second.size()}}};
    }
    if (all_hold(before, "min_k_auc") && all_hold(after, "min_k_auc")) {
        measures["privleak"] = leakage_between(before, after);
    }
    if (all_hold(before, "loss_auc") && all_hold(after, "loss_auc")) {
        measures["reference_auc"] = reference_area(before, after);
    }
    return measures;
}

}  // namespace nepenthe::evaluate
