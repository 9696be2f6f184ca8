// The two-sample Kolmogorov-Smirnov test: its own file because exact and asymptotic p-values need two different
// theories.

#include "evaluate/statistics.h"

#include "base/error.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <numbers>
#include <vector>

namespace nepenthe::evaluate {

namespace {

constexpr std::size_t kLargestExact = 10'000;

// Largest |i·m - j·n| over all data points, where i of the n values of `a` and j of the m values of `b` are not larger:
// the statistic times n·m, without rounding.
std::int64_t largest_gap(const std::vector<double>& a, const std::vector<double>& b) {
    const auto n = static_cast<std::int64_t>(a.size()), m = static_cast<std::int64_t>(b.size());
    std::int64_t largest = 0;
    for (std::size_t i = 0, j = 0; i < a.size() && j < b.size();) {
        const double value = std::min(a[i], b[j]);
        while (i < a.size() && a[i] == value) ++i;  // ties of both samples count as one step
        while (j < b.size() && b[j] == value) ++j;
        largest = std::max(largest, std::abs(static_cast<std::int64_t>(i) * m - static_cast<std::int64_t>(j) * n));
    }
    return largest;
}

// Under the null hypothesis all lattice paths from (0, 0) to (n, m) are equally likely, and the statistic is reached by
// those that touch |i·m - j·n| >= gap. Let u(i, j) be the share of the paths to (i, j) that touched it. Of the paths to
// (i, j), i / (i + j) come from (i - 1, j) and the rest from (i, j - 1); all terms are positive, so that small
// p-values keep their relative accuracy. Hodges, "The significance probability of the Smirnov two-sample test", 1958.
double exact_p(std::int64_t n, std::int64_t m, std::int64_t gap) {
    std::vector<double> share(static_cast<std::size_t>(m) + 1, 0.0);
    for (std::int64_t i = 0; i <= n; ++i) {
        double below = 0;  // u(i, j - 1)
        for (std::int64_t j = 0; j <= m; ++j) {
            double& here = share[static_cast<std::size_t>(j)];  // holds u(i - 1, j)
            if (std::abs(i * m - j * n) >= gap) {
                here = 1;
            } else if (i + j > 0) {
                here = (static_cast<double>(i) * here + static_cast<double>(j) * below) / static_cast<double>(i + j);
            }
            below = here;
        }
    }
    return std::min(1.0, share.back());
}

// P(one-sided one-sample statistic of n values >= d): Birnbaum and Tingey, 1951.
double one_sided_tail(double n, double d) {
    double sum = 0;
    const double last = std::floor(n * (1 - d));
    for (double j = 0; j <= last; ++j) {
        const double right = 1 - d - j / n;
        if (right <= 0) break;
        sum += std::exp(std::lgamma(n + 1) - std::lgamma(j + 1) - std::lgamma(n - j + 1) +
                        (j - 1) * std::log(d + j / n) + (n - j) * std::log(right));
    }
    return d * sum;
}

// P(two-sided one-sample statistic of n values < d) to O(n^-2): Pelz and Good, "Approximating the lower tail-areas of
// the Kolmogorov-Smirnov one-sample statistic", 1976; the four terms as in Simard and L'Ecuyer, 2011, §2.4.
double pelz_good(double n, double d) {
    const double z = std::sqrt(n) * d, pi2 = std::numbers::pi * std::numbers::pi;
    const double z2 = z * z, z4 = z2 * z2, z6 = z4 * z2, z8 = z4 * z4;
    double half0 = 0, half1 = 0, half2 = 0, half3 = 0;  // sums over half integers
    double whole2 = 0, whole3 = 0;                      // sums over integers
    for (int k = 0; k < 40; ++k) {
        const double h = pi2 * (k + 0.5) * (k + 0.5), decay = std::exp(-h / (2 * z2));
        half0 += decay;
        half1 += (h - z2) * decay;
        half2 += (6 * z6 + 2 * z4 + h * (2 * z4 - 5 * z2) + h * h * (1 - 2 * z2)) * decay;
        half3 +=
            (-30 * z6 - 90 * z8 + h * (135 * z4 - 96 * z6) + h * h * (212 * z4 - 60 * z2) + h * h * h * (5 - 30 * z2)) *
            decay;
        const double w = pi2 * k * k, whole_decay = std::exp(-w / (2 * z2));
        whole2 += w * whole_decay;
        whole3 += (3 * w * z2 - w * w) * whole_decay;
    }
    // Each sum runs over positive and negative numbers alike, hence half of the published denominators.
    const double term0 = 2 / z * half0;
    const double term1 = half1 / (3 * z4);
    const double term2 = half2 / (36 * z6 * z) - whole2 / (18 * z2 * z);
    const double term3 = half3 / (3240 * z8 * z2) + whole3 / (54 * z6);
    return std::sqrt(std::numbers::pi / 2) *
           (term0 + (term1 + (term2 + term3 / std::sqrt(n)) / std::sqrt(n)) / std::sqrt(n));
}

// The two-sample statistic of large samples behaves like the one-sample statistic of n·m / (n + m) values.
double asymptotic_p(double n, double m, double d) {
    const double effective = std::round(n * m / (n + m));
    if (effective < 1 || d <= 0) return 1;
    if (d >= 1) return 0;
    // Far out, the two tails do not meet (error below 1e-7 of the result); further in, the lower tail is the accurate
    // one.
    if (effective * d * d >= 2.2) return std::min(1.0, 2 * one_sided_tail(effective, d));
    return std::clamp(1 - pelz_good(effective, d), 0.0, 1.0);
}

}  // namespace

KolmogorovSmirnov ks_two_sample(std::span<const double> a, std::span<const double> b) {
    NEPENTHE_CHECK(!a.empty() && !b.empty());
    std::vector<double> first(a.begin(), a.end()), second(b.begin(), b.end());
    std::sort(first.begin(), first.end());
    std::sort(second.begin(), second.end());
    const auto n = static_cast<std::int64_t>(first.size()), m = static_cast<std::int64_t>(second.size());
    const std::int64_t gap = largest_gap(first, second);
    const double d = static_cast<double>(gap) / (static_cast<double>(n) * static_cast<double>(m));
    if (std::max(first.size(), second.size()) <= kLargestExact) return {d, exact_p(n, m, gap)};
    return {d, asymptotic_p(static_cast<double>(n), static_cast<double>(m), d)};
}

}  // namespace nepenthe::evaluate
