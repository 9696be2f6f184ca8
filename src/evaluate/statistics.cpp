#include "evaluate/statistics.h"

#include "base/error.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <numeric>
#include <vector>

namespace nepenthe::evaluate {

namespace {

double mean(std::span<const double> values) {
    return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

// Sum of squared deviations from `centre`.
double squares_about(std::span<const double> values, double centre) {
    double sum = 0;
    for (const double value : values) sum += (value - centre) * (value - centre);
    return sum;
}

double log_choose(double n, double k) { return std::lgamma(n + 1) - std::lgamma(k + 1) - std::lgamma(n - k + 1); }

// Continued fraction of the incomplete beta function, evaluated from the front (modified Lentz; Numerical Recipes
// §6.4).
double beta_fraction(double a, double b, double x) {
    constexpr double kTiny = 1e-300;
    const auto away_from_zero = [](double value) { return std::abs(value) < kTiny ? kTiny : value; };
    double c = 1, d = 1 / away_from_zero(1 - (a + b) * x / (a + 1)), fraction = d;
    for (int m = 1; m <= 10000; ++m) {
        const double even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
        const double odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
        d = 1 / away_from_zero(1 + even * d);
        c = away_from_zero(1 + even / c);
        fraction *= d * c;
        d = 1 / away_from_zero(1 + odd * d);
        c = away_from_zero(1 + odd / c);
        fraction *= d * c;
        if (std::abs(d * c - 1) < 1e-15) break;
    }
    return fraction;
}

// Regularised incomplete beta function I_x(a, b).
double incomplete_beta(double a, double b, double x) {
    if (x <= 0) return 0;
    if (x >= 1) return 1;
    const double front =
        std::exp(std::lgamma(a + b) - std::lgamma(a) - std::lgamma(b) + a * std::log(x) + b * std::log1p(-x));
    // The fraction converges fast on one side of the mean; the symmetry I_x(a, b) = 1 - I_{1-x}(b, a) gives the other.
    if (x < (a + 1) / (a + b + 2)) return front * beta_fraction(a, b, x) / a;
    return 1 - front * beta_fraction(b, a, 1 - x) / b;
}

}  // namespace

Interval wilson95(std::int64_t successes, std::int64_t n) {
    NEPENTHE_CHECK(n >= 0 && successes >= 0 && successes <= n);
    if (n == 0) return {0, 1};
    const double trials = static_cast<double>(n), share = static_cast<double>(successes) / trials;
    const double z2 = kZ95 * kZ95;
    const double centre = (share + z2 / (2 * trials)) / (1 + z2 / trials);
    const double half = kZ95 / (1 + z2 / trials) * std::sqrt(share * (1 - share) / trials + z2 / (4 * trials * trials));
    // At the ends the bound is exactly 0 or 1; rounding must not leave the unit interval.
    return {successes == 0 ? 0 : std::max(0.0, centre - half), successes == n ? 1 : std::min(1.0, centre + half)};
}

Interval mean95(std::span<const double> values) {
    if (values.size() < 2) return {kNaN, kNaN};
    const double n = static_cast<double>(values.size()), centre = mean(values);
    const double half = kZ95 * std::sqrt(squares_about(values, centre) / (n - 1) / n);
    return {centre - half, centre + half};
}

Interval clustered_mean95(std::span<const double> values, std::span<const std::size_t> cluster) {
    NEPENTHE_CHECK(values.size() == cluster.size());
    const double centre = values.empty() ? kNaN : mean(values);
    std::map<std::size_t, double> sums;  // of deviations, by cluster
    for (std::size_t i = 0; i < values.size(); ++i) sums[cluster[i]] += values[i] - centre;
    if (sums.size() < 2) return {kNaN, kNaN};
    double squares = 0;
    for (const auto& [number, sum] : sums) squares += sum * sum;
    const double n = static_cast<double>(values.size()), clusters = static_cast<double>(sums.size());
    const double half = kZ95 * std::sqrt(clusters / (clusters - 1) * squares) / n;
    return {centre - half, centre + half};
}

Interval ratio95(std::span<const double> numerators, std::span<const double> denominators) {
    NEPENTHE_CHECK(numerators.size() == denominators.size());
    if (numerators.size() < 2) return {kNaN, kNaN};
    const double n = static_cast<double>(numerators.size());
    const double total = std::accumulate(denominators.begin(), denominators.end(), 0.0);
    const double ratio = std::accumulate(numerators.begin(), numerators.end(), 0.0) / total;
    double squares = 0;
    for (std::size_t i = 0; i < numerators.size(); ++i) {
        const double residual = numerators[i] - ratio * denominators[i];
        squares += residual * residual;
    }
    const double half = kZ95 * std::sqrt(n / (n - 1) * squares) / total;
    return {ratio - half, ratio + half};
}

double mcnemar_exact(std::int64_t b, std::int64_t c) {
    NEPENTHE_CHECK(b >= 0 && c >= 0);
    const std::int64_t n = b + c, few = std::min(b, c);
    if (2 * few == n) return 1;
    double tail = 0;  // smallest terms first
    for (std::int64_t k = 0; k <= few; ++k) {
        tail += std::exp(log_choose(static_cast<double>(n), static_cast<double>(k)) -
                         static_cast<double>(n) * std::log(2.0));
    }
    return std::min(1.0, 2 * tail);
}

double paired_t_test(std::span<const double> a, std::span<const double> b) {
    NEPENTHE_CHECK(a.size() == b.size());
    if (a.size() < 2) return kNaN;
    std::vector<double> differences(a.size());
    for (std::size_t i = 0; i < a.size(); ++i) differences[i] = a[i] - b[i];
    if (std::all_of(differences.begin(), differences.end(), [&](double d) { return d == differences[0]; })) {
        return differences[0] == 0 ? 1 : 0;
    }
    const double n = static_cast<double>(a.size()), centre = mean(differences);
    const double variance_of_mean = squares_about(differences, centre) / (n - 1) / n;
    const double freedom = n - 1, t2 = centre * centre / variance_of_mean;
    return incomplete_beta(freedom / 2, 0.5, freedom / (freedom + t2));
}

}  // namespace nepenthe::evaluate
