#include "evaluate/memorization.h"

#include "base/error.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numeric>

namespace nepenthe::evaluate {

namespace {

constexpr double kLeastVariance = 1e-6;

double mean_of_lowest(std::vector<double> values, double share) {
    NEPENTHE_CHECK(!values.empty());
    const auto wanted = static_cast<std::size_t>(share * static_cast<double>(values.size()));
    const auto count = static_cast<std::ptrdiff_t>(std::max<std::size_t>(1, wanted));
    // Sorted, so that the sum does not depend on how a selection leaves them.
    std::ranges::sort(values);
    return std::accumulate(values.begin(), values.begin() + count, 0.0) / static_cast<double>(count);
}

}  // namespace

double exact_memorization(const std::vector<bool>& is_greedy) {
    NEPENTHE_CHECK(!is_greedy.empty());
    return static_cast<double>(std::count(is_greedy.begin(), is_greedy.end(), true)) /
           static_cast<double>(is_greedy.size());
}

double extraction_strength(const std::vector<bool>& is_greedy) {
    NEPENTHE_CHECK(!is_greedy.empty());
    const auto last_miss = std::find(is_greedy.rbegin(), is_greedy.rend(), false);
    return static_cast<double>(last_miss - is_greedy.rbegin()) / static_cast<double>(is_greedy.size());
}

double min_k(std::span<const float> log_probabilities, double share) {
    return -mean_of_lowest({log_probabilities.begin(), log_probabilities.end()}, share);
}

double min_k_plus_plus(std::span<const float> log_probabilities, std::span<const double> mean,
                       std::span<const double> variance, double share) {
    NEPENTHE_CHECK(mean.size() == log_probabilities.size() && variance.size() == log_probabilities.size());
    std::vector<double> scores;
    for (std::size_t i = 0; i < mean.size(); ++i) {
        const double deviation = std::sqrt(std::max(variance[i], kLeastVariance));
        scores.push_back((static_cast<double>(log_probabilities[i]) - mean[i]) / deviation);
    }
    return -mean_of_lowest(std::move(scores), share);
}

}  // namespace nepenthe::evaluate
