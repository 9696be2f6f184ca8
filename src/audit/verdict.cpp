#include "audit/verdict.h"

#include "evaluate/metric.h"
#include "evaluate/statistics.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>

namespace nepenthe::audit {

namespace {

using evaluate::Aggregation;
using evaluate::Interval;
using evaluate::TaskResult;

const TaskResult& result_of(const std::vector<TaskResult>& results, const Line& line) {
    const auto found = std::ranges::find(results, line.task, &TaskResult::task);
    if (found == results.end()) fail(ErrorKind::kData, "{}: the task {} was not measured", line.name, line.task);
    if (std::ranges::find(found->metrics, line.metric, &evaluate::Metric::name) == found->metrics.end()) {
        std::vector<std::string> names;
        for (const evaluate::Metric& metric : found->metrics) names.push_back(metric.name);
        fail(ErrorKind::kData, "{}: {} has no metric {}; it has {}", line.name, line.task, line.metric,
             fmt::join(names, ", "));
    }
    return *found;
}

// The number of each row's cluster: that of its document, or its own.
std::vector<std::size_t> clusters_of(const std::vector<Json>& rows) {
    std::map<std::string, std::size_t> documents;
    std::vector<std::size_t> clusters;
    std::size_t next = 0;
    for (const Json& row : rows) {
        const std::string document = row.value("document", "");
        if (document.empty()) {
            clusters.push_back(next++);
            continue;
        }
        const auto [entry, is_new] = documents.try_emplace(document, next);
        if (is_new) ++next;
        clusters.push_back(entry->second);
    }
    return clusters;
}

struct Figure {
    double value = 0;
    Interval interval;
    std::size_t clusters = 0;
};

// A proportion of 0 or 1 has no spread between its items, and is not known without error for all that: the interval is
// no narrower than Wilson's for as many trials as there are clusters.
Interval with_wilson(Interval interval, double value, std::size_t clusters) {
    const auto trials = static_cast<std::int64_t>(clusters);
    const Interval wilson = evaluate::wilson95(std::llround(value * static_cast<double>(trials)), trials);
    return {std::min(interval.low, wilson.low), std::max(interval.high, wilson.high)};
}

Figure figure_of(const TaskResult& result, const Line& line) {
    const evaluate::MetricDefinition& definition = evaluate::metric_definition(line.metric);
    const evaluate::Estimate estimate = evaluate::estimate(definition, result.items);
    const auto clusters = clusters_of(result.items);
    const std::size_t count = clusters.empty() ? 0 : *std::ranges::max_element(clusters) + 1;
    Interval interval = evaluate::clustered_mean95(estimate.influence, clusters);
    if (count == result.items.size()) {
        const auto metric = std::ranges::find(result.metrics, line.metric, &evaluate::Metric::name);
        interval = {metric->low, metric->high};
    } else if (definition.aggregation == Aggregation::kProportion && std::isfinite(estimate.value)) {
        interval = with_wilson(interval, estimate.value, count);
    }
    return {estimate.value, interval, count};
}

void check_same_items(const TaskResult& one, const TaskResult& other, const Line& line) {
    const auto same = [](const Json& a, const Json& b) { return a.at("id") == b.at("id"); };
    if (!std::ranges::equal(one.items, other.items, same))
        fail(ErrorKind::kData, "{}: the two models were measured on different items ({} and {})", line.name,
             one.items.size(), other.items.size());
}

// The difference of two models' values, or their ratio, by what each item adds to it.
Figure figure_of_two(const TaskResult& audited, const TaskResult& other, const Line& line) {
    check_same_items(audited, other, line);
    const evaluate::MetricDefinition& definition = evaluate::metric_definition(line.metric);
    const evaluate::Estimate first = evaluate::estimate(definition, audited.items);
    const evaluate::Estimate second = evaluate::estimate(definition, other.items);
    const double value = line.minus ? first.value - second.value : first.value / second.value;
    std::vector<double> influence(first.influence.size());
    for (std::size_t i = 0; i < influence.size(); ++i) {
        const double a = first.influence[i], b = second.influence[i];
        influence[i] = line.minus ? a - b : value + ((a - first.value) - value * (b - second.value)) / second.value;
    }
    const auto clusters = clusters_of(audited.items);
    const std::size_t count = clusters.empty() ? 0 : *std::ranges::max_element(clusters) + 1;
    return {value, evaluate::clustered_mean95(influence, clusters), count};
}

// How far a value is from the nearest limit: negative where a limit does not hold.
double margin(double value, const Line& line) {
    double least = std::numeric_limits<double>::infinity();
    if (line.at_most) least = std::min(least, *line.at_most - value);
    if (line.at_least) least = std::min(least, value - *line.at_least);
    return least;
}

Verdict verdict_of(const Figure& figure, std::int64_t step, Judged judged, const Line& line) {
    Verdict verdict;
    verdict.value = figure.value;
    verdict.low = figure.interval.low;
    verdict.high = figure.interval.high;
    verdict.step = step;
    verdict.clusters = static_cast<std::int64_t>(figure.clusters);
    if (!std::isfinite(figure.value)) {
        verdict.reason = "there is no value: none of the items has the metric, or it is divided by 0";
        return verdict;
    }
    const bool by_interval = judged == Judged::kInterval;
    if (by_interval && !(std::isfinite(verdict.low) && std::isfinite(verdict.high))) {
        verdict.reason = fmt::format("{} sampling units give no interval", figure.clusters);
        return verdict;
    }
    const double worst =
        by_interval ? std::min(margin(verdict.low, line), margin(verdict.high, line)) : margin(verdict.value, line);
    verdict.outcome = worst >= 0 ? Outcome::kPass : Outcome::kFail;
    return verdict;
}

// Failed before open before passed, and among equals the one farthest from holding.
bool is_worse(const Verdict& one, const Verdict& other, const Line& line) {
    const auto rank = [](const Verdict& verdict) {
        return verdict.outcome == Outcome::kFail ? 0 : verdict.outcome == Outcome::kOpen ? 1 : 2;
    };
    if (rank(one) != rank(other)) return rank(one) < rank(other);
    return margin(one.value, line) < margin(other.value, line);
}

Verdict missing(Subject subject) {
    Verdict verdict;
    verdict.reason = fmt::format("no {} model was given (--{})", subject_name(subject), subject_name(subject));
    return verdict;
}

}  // namespace

const char* outcome_name(Outcome outcome) {
    switch (outcome) {
        case Outcome::kPass: return "pass";
        case Outcome::kFail: return "fail";
        case Outcome::kOpen: return "open";
    }
    return "";
}

Verdict judge(const Policy& policy, const Line& line, const Measured& measured) {
    const std::map<Subject, Steps>& attack = measured.at(line.attack);
    const std::optional<Subject> other = line.minus ? line.minus : line.over;
    if (other && !attack.contains(*other)) return missing(*other);
    std::optional<Verdict> worst;
    for (const auto& [step, results] : attack.at(Subject::kAudited)) {
        if (line.step && *line.step != step) continue;
        const TaskResult& audited = result_of(results, line);
        const Figure figure = other ? figure_of_two(audited, result_of(attack.at(*other).at(step), line), line)
                                    : figure_of(audited, line);
        const Verdict verdict = verdict_of(figure, step, policy.judged, line);
        if (!worst || is_worse(verdict, *worst, line)) worst = verdict;
    }
    if (!worst) fail(ErrorKind::kData, "{}: step {} was not measured", line.name, line.step.value_or(0));
    return *worst;
}

}  // namespace nepenthe::audit
