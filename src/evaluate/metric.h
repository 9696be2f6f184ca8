#pragma once
// What each metric means, and how per-item values become one number with its interval.

#include "base/json.h"
#include "evaluate/evaluate.h"

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace nepenthe::evaluate {

// An item's row holds a number x under the metric's name, which counts as (x, 1), or a pair [numerator, denominator].
struct ItemValue {
    double numerator = 0, denominator = 1;
};

enum class Aggregation {
    kProportion,        // Σ numerators / Σ denominators of zeros and ones; Wilson's interval
    kMean,              // the same of any numbers; interval of the mean
    kRatio,             // Σ numerators / Σ denominators; interval of the ratio over items
    kExponentialRatio,  // exp of it: perplexities
};

struct MetricDefinition {
    std::string name;
    int version = 1;  // changes with the meaning
    Aggregation aggregation = Aggregation::kMean;
    bool higher_is_better = true;
    std::string unit;
    std::string formula;
};

// Every metric of the module, for docs and results. Throws Error(kInternal) for an unknown name.
const std::vector<MetricDefinition>& metric_definitions();
const MetricDefinition& metric_definition(std::string_view name);

// Throws Error(kData) where a row lacks the metric.
ItemValue item_value(const Json& row, const std::string& metric);
std::vector<ItemValue> item_values(std::span<const Json> rows, const std::string& metric);

Metric aggregate(const MetricDefinition& definition, std::span<const ItemValue> values);

}  // namespace nepenthe::evaluate
