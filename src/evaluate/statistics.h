#pragma once
// Intervals and tests for results that are shown to others.

#include <cstdint>
#include <span>
#include <utility>

namespace nepenthe::evaluate {

struct Interval {
    double low = 0, high = 0;
};

// Wilson score interval of a proportion, 95 %.
Interval wilson95(std::int64_t successes, std::int64_t n);
// Mean ± 1.96 standard errors (sample variance), 95 %.
Interval mean95(std::span<const double> values);

// Two-sided p of McNemar's exact test: b = right before and wrong after, c = the other way round.
double mcnemar_exact(std::int64_t b, std::int64_t c);
// Two-sided p of the paired t-test of a[i] - b[i].
double paired_t_test(std::span<const double> a, std::span<const double> b);

struct KolmogorovSmirnov {
    double statistic = 0, p_value = 1;
};
// Two-sample, two-sided; the exact p-value where |a|·|b| <= 10,000, the asymptotic one beyond (as scipy.stats.ks_2samp,
// method="auto", does).
KolmogorovSmirnov ks_two_sample(std::span<const double> a, std::span<const double> b);

}  // namespace nepenthe::evaluate
