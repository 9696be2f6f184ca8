#pragma once
// Intervals and tests for results that are shown to others.

#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <utility>

namespace nepenthe::evaluate {

// What cannot be told.
inline constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

// 0.975 quantile of the standard normal.
inline constexpr double kZ95 = 1.959963984540054;

struct Interval {
    double low = 0, high = 0;
};

// Wilson score interval of a proportion, 95 %; [0, 1] where n is 0.
Interval wilson95(std::int64_t successes, std::int64_t n);
// Mean ± 1.96 standard errors (sample variance), 95 %; NaN for fewer than two values.
Interval mean95(std::span<const double> values);
// The same where values of one cluster depend on each other (questions about one document): clusters are the sampling
// units, of which `cluster[i]` is value i's. Equal to mean95() where each value is a cluster of its own; NaN for fewer
// than two clusters. Liang and Zeger 1986, Biometrika 73, with the factor C/(C − 1) for C clusters.
Interval clustered_mean95(std::span<const double> values, std::span<const std::size_t> cluster);
// Ratio Σ numerators / Σ denominators ± 1.96 standard errors by linearisation (the items are the sampling units); NaN
// for fewer than two items. Cochran, "Sampling Techniques", 1977, §6.4.
Interval ratio95(std::span<const double> numerators, std::span<const double> denominators);

// Two-sided p of McNemar's exact test: b = right before and wrong after, c = the other way round.
double mcnemar_exact(std::int64_t b, std::int64_t c);
// Two-sided p of the paired t-test of a[i] - b[i]. NaN for fewer than two pairs; where all differences are the same
// number, 1 if it is zero and 0 otherwise.
double paired_t_test(std::span<const double> a, std::span<const double> b);

struct KolmogorovSmirnov {
    double statistic = 0, p_value = 1;
};
// Two-sample, two-sided; the exact p-value where both samples hold at most 10,000 values, the asymptotic one beyond (as
// scipy.stats.ks_2samp, method="auto", does). Neither sample may be empty.
KolmogorovSmirnov ks_two_sample(std::span<const double> a, std::span<const double> b);

}  // namespace nepenthe::evaluate
