#include "evaluate/metric.h"

#include "base/error.h"
#include "base/json_text.h"
#include "evaluate/area_under_curve.h"
#include "evaluate/statistics.h"
#include "io/text.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace nepenthe::evaluate {

namespace {

Interval interval_of(Aggregation aggregation, std::span<const ItemValue> values) {
    std::vector<double> numerators, denominators;
    for (const ItemValue& value : values) {
        numerators.push_back(value.numerator);
        denominators.push_back(value.denominator);
    }
    switch (aggregation) {
        case Aggregation::kProportion: {
            double successes = 0, trials = 0;
            for (const ItemValue& value : values) {
                successes += value.numerator;
                trials += value.denominator;
            }
            return wilson95(std::llround(successes), std::llround(trials));
        }
        case Aggregation::kMean: return mean95(numerators);
        case Aggregation::kRatio: return ratio95(numerators, denominators);
        case Aggregation::kExponentialRatio: {
            const Interval logs = ratio95(numerators, denominators);
            return {std::exp(logs.low), std::exp(logs.high)};
        }
        case Aggregation::kCorrelation:
        case Aggregation::kHarmonicMean:
        case Aggregation::kMeanOfMetrics:
        case Aggregation::kAreaUnderCurve:
        case Aggregation::kPrivacyLeakage: break;
    }
    fail(ErrorKind::kInternal, "this aggregation has no values of its own");
}

// Σ (x − x̄)(y − ȳ) and √(Σ (x − x̄)² · Σ (y − ȳ)²) of numerators x and denominators y.
struct Covariance {
    double x = 0, y = 0, numerator = 0, x_squares = 0, y_squares = 0;

    explicit Covariance(std::span<const ItemValue> values) {
        const double items = static_cast<double>(values.size());
        for (const ItemValue& value : values) {
            x += value.numerator / items;
            y += value.denominator / items;
        }
        for (const ItemValue& value : values) {
            numerator += (value.numerator - x) * (value.denominator - y);
            x_squares += (value.numerator - x) * (value.numerator - x);
            y_squares += (value.denominator - y) * (value.denominator - y);
        }
    }
    double denominator() const { return std::sqrt(x_squares * y_squares); }
    // 0 where one of both is the same for all items, as scikit-learn has it.
    double correlation() const { return denominator() > 0 ? numerator / denominator() : 0; }
};

// dr = z_x z_y − r (z_x² + z_y²) / 2 of an item with standard scores z.
Estimate correlation(std::span<const ItemValue> values) {
    const Covariance covariance(values);
    Estimate result{covariance.correlation(), std::vector<double>(values.size(), covariance.correlation())};
    if (covariance.denominator() == 0) return result;
    const double items = static_cast<double>(values.size());
    const double x_spread = std::sqrt(covariance.x_squares / items), y_spread = std::sqrt(covariance.y_squares / items);
    for (std::size_t i = 0; i < values.size(); ++i) {
        const double x = (values[i].numerator - covariance.x) / x_spread;
        const double y = (values[i].denominator - covariance.y) / y_spread;
        result.influence[i] += x * y - result.value * (x * x + y * y) / 2;
    }
    return result;
}

AreaUnderCurve area_of(std::span<const ItemValue> values) {
    std::vector<double> scores;
    std::vector<int> groups;
    for (const ItemValue& value : values) {
        scores.push_back(value.numerator);
        groups.push_back(value.denominator > 0 ? 1 : value.denominator < 0 ? -1 : 0);
    }
    return area_under_curve(scores, groups);
}

// A is 1 − area, so that the leakage falls by 100 / A_ret where the area rises by 1.
struct Leakage {
    double retrained = 0;

    Leakage(const MetricDefinition& definition, std::span<const Json> rows) {
        const std::string field = retrained_auc_field(definition.name);
        for (const Json& row : rows) retrained = row.value(field, retrained);
        if (!(retrained > 0 && retrained < 1)) fail(ErrorKind::kData, "no item's row has a \"{}\" in (0, 1)", field);
    }
    double of(double area) const { return 100 * (1 - area - retrained) / retrained; }
};

Estimate leakage_estimate(const MetricDefinition& definition, std::span<const Json> rows) {
    const Leakage of(definition, rows);
    AreaUnderCurve area = area_of(item_values(rows, definition.name));
    for (double& value : area.influence) value = of.of(value);
    return {of.of(area.value), std::move(area.influence)};
}

Metric aggregate_leakage(const MetricDefinition& definition, std::span<const Json> rows) {
    const Leakage of(definition, rows);
    const AreaUnderCurve area = area_of(item_values(rows, definition.name));
    const Interval interval = delong95(area);
    const double expected = of.retrained * area.pairs;
    return {.name = definition.name,
            .value = of.of(area.value),
            .numerator = 100 * (area.pairs - area.wins - expected),
            .denominator = expected,
            .low = of.of(interval.high),
            .high = of.of(interval.low),
            .higher_is_better = definition.higher_is_better};
}

Estimate estimate_of_values(const MetricDefinition& definition, std::span<const ItemValue> values) {
    if (definition.aggregation == Aggregation::kCorrelation) return correlation(values);
    if (definition.aggregation == Aggregation::kAreaUnderCurve) {
        AreaUnderCurve area = area_of(values);
        return {area.value, std::move(area.influence)};
    }
    const double items = static_cast<double>(values.size());
    double numerator = 0, denominator = 0;
    for (const ItemValue& value : values) {
        numerator += value.numerator;
        denominator += value.denominator;
    }
    if (denominator == 0) {
        return {definition.of_nothing, std::vector<double>(values.size(), definition.of_nothing)};
    }
    const double ratio = numerator / denominator;
    const bool exponential = definition.aggregation == Aggregation::kExponentialRatio;
    Estimate result{exponential ? std::exp(ratio) : ratio, {}};
    const double slope = exponential ? result.value : 1;
    for (const ItemValue& value : values) {
        const double residual = value.numerator - ratio * value.denominator;
        result.influence.push_back(result.value + slope * items * residual / denominator);
    }
    return result;
}

// H = n / Σ 1/m, so that dH = H² / n · Σ dm / m².
Estimate harmonic_mean(std::span<const Estimate> parts, std::size_t items) {
    double reciprocals = 0;
    for (const Estimate& part : parts) reciprocals += 1 / part.value;
    const double n = static_cast<double>(parts.size()), mean = std::isinf(reciprocals) ? 0 : n / reciprocals;
    Estimate result{mean, std::vector<double>(items, mean)};
    if (mean == 0) return result;
    for (const Estimate& part : parts) {
        const double slope = mean * mean / n / (part.value * part.value);
        for (std::size_t i = 0; i < items; ++i) result.influence[i] += slope * (part.influence[i] - part.value);
    }
    return result;
}

Estimate plain_mean(std::span<const Estimate> parts, std::size_t items) {
    const double n = static_cast<double>(parts.size());
    Estimate result{0, std::vector<double>(items, 0)};
    for (const Estimate& part : parts) {
        result.value += part.value / n;
        for (std::size_t i = 0; i < items; ++i) result.influence[i] += part.influence[i] / n;
    }
    return result;
}

Metric aggregate_plain_mean(const MetricDefinition& definition, std::span<const Json> rows) {
    const Estimate whole = estimate(definition, rows);
    const Interval interval = mean95(whole.influence);
    const double n = static_cast<double>(definition.components.size());
    const bool is_number = std::isfinite(whole.value);  // not where nothing has a component
    return {.name = definition.name,
            .value = whole.value,
            .numerator = is_number ? n * whole.value : 0,
            .denominator = is_number ? n : 0,
            .low = interval.low,
            .high = interval.high,
            .higher_is_better = definition.higher_is_better};
}

[[noreturn]] void refuse_row(const Json& row, const std::string& metric) {
    const std::string text = row.dump();
    fail(ErrorKind::kData, "an item's row has no metric \"{}\": {}", metric,
         text.substr(0, io::bytes_of_code_points(text, 200)));
}

}  // namespace

bool is_composed(const MetricDefinition& definition) { return !definition.components.empty(); }

std::string retrained_auc_field(const std::string& metric) { return metric + "_retrained_auc"; }

Json Metric::to_json() const {
    Json json = {{"value", finite_or_null(value)},
                 {"numerator", numerator},
                 {"denominator", denominator},
                 {"ci95", {finite_or_null(low), finite_or_null(high)}}};
    if (!std::isfinite(value)) {
        json["reason"] = denominator == 0 ? "none of the items has it" : "it is larger than any double";
    }
    return json;
}

ItemValue item_value(const Json& row, const std::string& metric) {
    const auto found = row.find(metric);
    if (found != row.end() && found->is_number()) return {found->get<double>(), 1};
    if (found != row.end() && found->is_array() && found->size() == 2 && (*found)[0].is_number() &&
        (*found)[1].is_number()) {
        return {(*found)[0].get<double>(), (*found)[1].get<double>()};
    }
    if (found != row.end() && found->is_null()) return {0, 0};
    refuse_row(row, metric);
}

std::vector<ItemValue> item_values(std::span<const Json> rows, const std::string& metric) {
    std::vector<ItemValue> values;
    values.reserve(rows.size());
    for (const Json& row : rows) values.push_back(item_value(row, metric));
    return values;
}

Metric aggregate(const MetricDefinition& definition, std::span<const ItemValue> values) {
    Metric metric{.name = definition.name, .higher_is_better = definition.higher_is_better};
    if (definition.aggregation == Aggregation::kCorrelation) {
        const Covariance covariance(values);
        const bool varied = covariance.denominator() > 0;
        const Interval interval = varied ? mean95(correlation(values).influence) : Interval{NAN, NAN};
        metric.value = covariance.correlation();
        metric.numerator = covariance.numerator;
        metric.denominator = covariance.denominator();
        metric.low = interval.low;
        metric.high = interval.high;
        return metric;
    }
    if (definition.aggregation == Aggregation::kAreaUnderCurve) {
        const AreaUnderCurve area = area_of(values);
        const Interval interval = delong95(area);
        metric.value = area.value;
        metric.numerator = area.wins;
        metric.denominator = area.pairs;
        metric.low = interval.low;
        metric.high = interval.high;
        return metric;
    }
    for (const ItemValue& value : values) {
        metric.numerator += value.numerator;
        metric.denominator += value.denominator;
    }
    if (metric.denominator == 0) {
        metric.value = definition.of_nothing;
        metric.low = metric.high = NAN;
        return metric;
    }
    const double ratio = metric.numerator / metric.denominator;
    metric.value = definition.aggregation == Aggregation::kExponentialRatio ? std::exp(ratio) : ratio;
    const Interval interval = interval_of(definition.aggregation, values);
    metric.low = interval.low;
    metric.high = interval.high;
    return metric;
}

Metric aggregate_rows(const MetricDefinition& definition, std::span<const Json> rows) {
    if (definition.aggregation == Aggregation::kPrivacyLeakage) return aggregate_leakage(definition, rows);
    if (definition.aggregation == Aggregation::kMeanOfMetrics) return aggregate_plain_mean(definition, rows);
    if (!is_composed(definition)) return aggregate(definition, item_values(rows, definition.name));
    const Estimate whole = estimate(definition, rows);
    const Interval interval = whole.value > 0 ? mean95(whole.influence) : Interval{NAN, NAN};
    const double n = static_cast<double>(definition.components.size());
    return {.name = definition.name,
            .value = whole.value,
            .numerator = whole.value > 0 ? n : 0,
            .denominator = whole.value > 0           ? n / whole.value
                           : std::isnan(whole.value) ? 0
                                                     : n,
            .low = interval.low,
            .high = interval.high,
            .higher_is_better = definition.higher_is_better};
}

Estimate estimate(const MetricDefinition& definition, std::span<const Json> rows) {
    if (definition.aggregation == Aggregation::kPrivacyLeakage) return leakage_estimate(definition, rows);
    if (!is_composed(definition)) return estimate_of_values(definition, item_values(rows, definition.name));
    std::vector<Estimate> parts;
    for (const std::string& component : definition.components) {
        parts.push_back(estimate(metric_definition(component), rows));
    }
    return definition.aggregation == Aggregation::kHarmonicMean ? harmonic_mean(parts, rows.size())
                                                                : plain_mean(parts, rows.size());
}

LayerMetric aggregate_layers(const MetricDefinition& definition, std::span<const Json> rows) {
    LayerMetric metric{definition.name, {}};
    if (rows.empty()) return metric;
    const std::size_t layers = rows.front().value(definition.name, Json::array()).size();
    for (std::size_t layer = 0; layer < layers; ++layer) {
        std::vector<ItemValue> values;
        for (const Json& row : rows) {
            const auto found = row.find(definition.name);
            if (found == row.end() || !found->is_array() || found->size() != layers) refuse_row(row, definition.name);
            const Json& value = (*found)[layer];
            values.push_back(value.is_null() ? ItemValue{0, 0} : ItemValue{value.get<double>(), 1});
        }
        metric.layers.push_back(aggregate(definition, values));
    }
    return metric;
}

TaskResult make_result(const std::string& task, const std::vector<std::string>& metrics, std::vector<Json> rows,
                       const std::vector<std::string>& layer_metrics) {
    TaskResult result{task, {}, std::move(rows)};
    for (const std::string& metric : metrics) {
        result.metrics.push_back(aggregate_rows(metric_definition(metric), result.items));
    }
    for (const std::string& metric : layer_metrics) {
        result.by_layer.push_back(aggregate_layers(metric_definition(metric), result.items));
    }
    return result;
}

}  // namespace nepenthe::evaluate
