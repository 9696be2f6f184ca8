#pragma once
// What each metric means, and how per-item values become one number with its interval.

#include "base/json.h"
#include "evaluate/evaluate.h"

#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace nepenthe::evaluate {

// An item's row holds under the metric's name a number x, which counts as (x, 1), a pair [numerator, denominator], or
// null where the metric does not apply to the item: (0, 0).
struct ItemValue {
    double numerator = 0, denominator = 1;
};

enum class Aggregation {
    kProportion,        // Σ numerators / Σ denominators of zeros and ones; Wilson's interval
    kMean,              // the same of any numbers; interval of the mean
    kRatio,             // Σ numerators / Σ denominators; interval of the ratio over items
    kExponentialRatio,  // exp of it: perplexities
    kCorrelation,       // Pearson's of numerators and denominators, of zeros and ones Matthews'; delta method
    kHarmonicMean,      // of the metrics named as components; rows hold those, not this one
    kMeanOfMetrics,     // the plain mean of them
    kAreaUnderCurve,    // P(score of a holdout's item > that of an item to be forgotten), ties one half: numerators are
                        // scores, denominators 1 for the holdout and −1 for the others; DeLong's interval
    kPrivacyLeakage,    // 100 · (A − A_ret) / A_ret of A = 1 − that area; A_ret stands in every row under
                        // retrained_auc_field() of the metric
};

struct MetricDefinition {
    std::string name;
    int version = 1;  // changes with the meaning
    Aggregation aggregation = Aggregation::kMean;
    bool higher_is_better = true;
    std::string unit;
    std::string formula;
    std::vector<std::string> components = {};                      // of kHarmonicMean and kMeanOfMetrics
    double of_nothing = std::numeric_limits<double>::quiet_NaN();  // where the denominators add up to 0
};

// Every metric of the module, for docs and results. Throws Error(kInternal) for an unknown name.
const std::vector<MetricDefinition>& metric_definitions();
const MetricDefinition& metric_definition(std::string_view name);
// Of every metric whose meaning has changed, its version: what results depend on beside inputs and options.
Json changed_metric_versions();

// Where the rows of a kPrivacyLeakage hold A of a model that never saw what is to be forgotten.
std::string retrained_auc_field(const std::string& metric);

// Throws Error(kData) where a row lacks the metric.
ItemValue item_value(const Json& row, const std::string& metric);
std::vector<ItemValue> item_values(std::span<const Json> rows, const std::string& metric);

// Whether a definition's value is made of other metrics' values.
bool is_composed(const MetricDefinition& definition);

// Of any definition but composed ones and a privacy leakage.
Metric aggregate(const MetricDefinition& definition, std::span<const ItemValue> values);
// Of any definition. A harmonic mean of n components has numerator n and denominator Σ 1 / component, and is 0 where
// one of them is; a plain mean their sum and n. The intervals of both are by the delta method. An area has the pairs
// won and all pairs; a privacy leakage these relative to A_ret.
Metric aggregate_rows(const MetricDefinition& definition, std::span<const Json> rows);

// A metric with its influence values (the delta method): for plain means these are the items' values themselves.
struct Estimate {
    double value = 0;
    std::vector<double> influence;  // item by item; their mean is `value`, their spread that of the estimate
};
Estimate estimate(const MetricDefinition& definition, std::span<const Json> rows);

// Of rows that hold an array of values under the metric's name, one for each layer.
LayerMetric aggregate_layers(const MetricDefinition& definition, std::span<const Json> rows);

// Rows of one task with the metrics named, those of layers last.
TaskResult make_result(const std::string& task, const std::vector<std::string>& metrics, std::vector<Json> rows,
                       const std::vector<std::string>& layer_metrics = {});

}  // namespace nepenthe::evaluate
