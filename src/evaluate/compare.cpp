// Two models on the same items: paired differences with intervals and p-values.

#include "base/error.h"
#include "base/json_text.h"
#include "evaluate/evaluate.h"
#include "evaluate/metric.h"
#include "evaluate/paired_measures.h"
#include "evaluate/statistics.h"

#include <algorithm>
#include <cmath>

namespace nepenthe::evaluate {

namespace {

// Mean loss of each passage, for the question whether two models' losses could come from one distribution.
std::vector<double> item_means(std::span<const ItemValue> values) {
    std::vector<double> means;
    for (const ItemValue& value : values) means.push_back(value.numerator / value.denominator);
    return means;
}

Json compare_metric(const MetricDefinition& definition, std::span<const Json> rows_before,
                    std::span<const Json> rows_after) {
    const Estimate first = estimate(definition, rows_before), second = estimate(definition, rows_after);
    std::vector<double> differences(rows_before.size());
    for (std::size_t i = 0; i < differences.size(); ++i) differences[i] = second.influence[i] - first.influence[i];
    const Interval interval = mean95(differences);
    Json json = {{"before", finite_or_null(first.value)},
                 {"after", finite_or_null(second.value)},
                 {"difference", finite_or_null(second.value - first.value)},
                 {"ci95", {finite_or_null(interval.low), finite_or_null(interval.high)}},
                 {"n", rows_before.size()}};
    if (definition.aggregation == Aggregation::kProportion) {
        const auto before = item_values(rows_before, definition.name), after = item_values(rows_after, definition.name);
        std::int64_t lost = 0, gained = 0;
        for (std::size_t i = 0; i < before.size(); ++i) {
            lost += before[i].numerator > after[i].numerator;
            gained += before[i].numerator < after[i].numerator;
        }
        json["test"] = "McNemar, exact";
        json["lost"] = lost;
        json["gained"] = gained;
        json["p_value"] = mcnemar_exact(lost, gained);
    } else {
        const bool area = definition.aggregation == Aggregation::kAreaUnderCurve ||
                          definition.aggregation == Aggregation::kPrivacyLeakage;
        json["test"] = area ? "paired t of DeLong's components" : "paired t";
        json["p_value"] = finite_or_null(paired_t_test(second.influence, first.influence));
    }
    if (definition.aggregation == Aggregation::kExponentialRatio) {
        json["ratio"] = finite_or_null(second.value / first.value);
        const auto ks = ks_two_sample(item_means(item_values(rows_before, definition.name)),
                                      item_means(item_values(rows_after, definition.name)));
        json["kolmogorov_smirnov"] = {{"statistic", ks.statistic}, {"p_value", ks.p_value}};
    }
    return json;
}

void check_same_items(const TaskResult& before, const TaskResult& after) {
    const auto same_id = [](const Json& one, const Json& other) { return one.at("id") == other.at("id"); };
    if (!std::equal(before.items.begin(), before.items.end(), after.items.begin(), after.items.end(), same_id)) {
        fail(ErrorKind::kUsage,
             "{}: the two models were evaluated on different items ({} and {}); use the same limit and files for both",
             before.task, before.items.size(), after.items.size());
    }
}

}  // namespace

Json compare(const std::vector<TaskResult>& before, const std::vector<TaskResult>& after) {
    Json json = Json::object();
    for (const TaskResult& first : before) {
        const auto second =
            std::find_if(after.begin(), after.end(), [&](const TaskResult& each) { return each.task == first.task; });
        if (second == after.end()) continue;
        check_same_items(first, *second);
        for (const Metric& metric : first.metrics) {
            json[first.task][metric.name] = compare_metric(metric_definition(metric.name), first.items, second->items);
        }
        json[first.task].update(paired_measures(first, *second));
    }
    return json;
}

}  // namespace nepenthe::evaluate
