#include "evaluate/metric.h"

#include "base/error.h"
#include "evaluate/statistics.h"

#include <algorithm>
#include <cmath>

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
            double successes = 0;
            for (const double numerator : numerators) successes += numerator;
            return wilson95(std::llround(successes), static_cast<std::int64_t>(values.size()));
        }
        case Aggregation::kMean: return mean95(numerators);
        case Aggregation::kRatio: return ratio95(numerators, denominators);
        case Aggregation::kExponentialRatio: {
            const Interval logs = ratio95(numerators, denominators);
            return {std::exp(logs.low), std::exp(logs.high)};
        }
    }
    fail(ErrorKind::kInternal, "unknown aggregation");
}

}  // namespace

Json Metric::to_json() const {
    return {{"value", value}, {"numerator", numerator}, {"denominator", denominator}, {"ci95", {low, high}}};
}

const std::vector<MetricDefinition>& metric_definitions() {
    using enum Aggregation;
    static const std::vector<MetricDefinition> list = {
        {"acc", 1, kProportion, true, "share of items",
         "the choice with the largest log-likelihood (the first of equals) is the right one; for one continuation: every "
         "token of it is the most likely one"},
        {"acc_norm", 1, kProportion, true, "share of items",
         "the same after dividing each log-likelihood by the choice's length in characters, leading space not counted"},
        {"perplexity", 1, kExponentialRatio, false, "",
         "exp(negative log-likelihood / count); the count is tokens for texts, items for lambada_openai"},
        {"word_perplexity", 1, kExponentialRatio, false, "",
         "exp(negative log-likelihood of the detokenised pages / white-space fields of the original pages)"},
        {"byte_perplexity", 1, kExponentialRatio, false, "",
         "exp(negative log-likelihood of the detokenised pages / UTF-8 bytes of the original pages)"},
        {"bits_per_byte", 1, kRatio, false, "bits",
         "negative log2-likelihood of the detokenised pages / UTF-8 bytes of the original pages"},
        {"token_perplexity", 1, kExponentialRatio, false, "",
         "exp(mean negative log-likelihood of a token), the first token of each window left out"},
        {"content_mass", 1, kMean, true, "probability",
         "probability that the next token begins one of the content-specific continuations, mean over prompts"},
        {"generic_mass", 1, kMean, false, "probability",
         "probability that the next token begins one of the generic continuations, mean over prompts"},
        {"anchor_rate", 1, kRatio, true, "share of completions",
         "sampled completions that name at least one anchor term absent from their prompt / completions"},
    };
    return list;
}

const MetricDefinition& metric_definition(std::string_view name) {
    for (const MetricDefinition& definition : metric_definitions()) {
        if (definition.name == name) return definition;
    }
    fail(ErrorKind::kInternal, "no metric is called \"{}\"", name);
}

ItemValue item_value(const Json& row, const std::string& metric) {
    const auto found = row.find(metric);
    if (found != row.end() && found->is_number()) return {found->get<double>(), 1};
    if (found != row.end() && found->is_array() && found->size() == 2 && (*found)[0].is_number() &&
        (*found)[1].is_number()) {
        return {(*found)[0].get<double>(), (*found)[1].get<double>()};
    }
    fail(ErrorKind::kData, "an item's row has no metric \"{}\": {}", metric, row.dump().substr(0, 200));
}

std::vector<ItemValue> item_values(std::span<const Json> rows, const std::string& metric) {
    std::vector<ItemValue> values;
    values.reserve(rows.size());
    for (const Json& row : rows) values.push_back(item_value(row, metric));
    return values;
}

Metric aggregate(const MetricDefinition& definition, std::span<const ItemValue> values) {
    Metric metric{.name = definition.name, .higher_is_better = definition.higher_is_better};
    for (const ItemValue& value : values) {
        metric.numerator += value.numerator;
        metric.denominator += value.denominator;
    }
    const double ratio = metric.numerator / metric.denominator;
    metric.value = definition.aggregation == Aggregation::kExponentialRatio ? std::exp(ratio) : ratio;
    const Interval interval = interval_of(definition.aggregation, values);
    metric.low = interval.low;
    metric.high = interval.high;
    return metric;
}

}  // namespace nepenthe::evaluate
