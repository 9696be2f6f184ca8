#include "evaluate/area_under_curve.h"

#include "base/error.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace nepenthe::evaluate {

namespace {

std::vector<double> sorted_of(std::span<const double> scores, std::span<const int> groups, int group) {
    std::vector<double> values;
    for (std::size_t i = 0; i < scores.size(); ++i) {
        if (groups[i] == group) values.push_back(scores[i]);
    }
    std::ranges::sort(values);
    return values;
}

// How many of `sorted` are below `score`, equal ones counted by half.
double below(const std::vector<double>& sorted, double score) {
    const auto [first, last] = std::ranges::equal_range(sorted, score);
    return static_cast<double>(first - sorted.begin()) + static_cast<double>(last - first) / 2;
}

}  // namespace

AreaUnderCurve area_under_curve(std::span<const double> scores, std::span<const int> groups) {
    NEPENTHE_CHECK(scores.size() == groups.size());
    const std::vector<double> high = sorted_of(scores, groups, 1), low = sorted_of(scores, groups, -1);
    const double m = static_cast<double>(high.size()), n = static_cast<double>(low.size());
    const double items = static_cast<double>(scores.size());
    AreaUnderCurve area{.wins = 0, .pairs = m * n, .value = kNaN, .influence = {}};
    for (const double score : high) area.wins += below(low, score);
    if (area.pairs > 0) area.value = area.wins / area.pairs;
    if (m < 2 || n < 2) {
        area.influence.assign(scores.size(), kNaN);
        return area;
    }
    // The variance of the mean of N values is Σ d² / N (N − 1); a group's share of DeLong's is Σ d² / m (m − 1).
    const double of_high = std::sqrt(items * (items - 1) / (m * (m - 1)));
    const double of_low = std::sqrt(items * (items - 1) / (n * (n - 1)));
    for (std::size_t i = 0; i < scores.size(); ++i) {
        double deviation = 0;
        if (groups[i] == 1) deviation = of_high * (below(low, scores[i]) / n - area.value);
        if (groups[i] == -1) deviation = of_low * (1 - below(high, scores[i]) / m - area.value);
        area.influence.push_back(area.value + deviation);
    }
    return area;
}

Interval delong95(const AreaUnderCurve& area) {
    const bool apart = area.wins == 0 || area.wins == area.pairs;
    const Interval interval = apart ? Interval{kNaN, kNaN} : mean95(area.influence);
    if (std::isnan(interval.low)) return {kNaN, kNaN};
    return {std::max(0.0, interval.low), std::min(1.0, interval.high)};
}

}  // namespace nepenthe::evaluate
