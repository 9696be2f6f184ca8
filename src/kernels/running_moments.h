#pragma once
// Mean and variance of log p under p, the softmax of one row of logits that is visited span by span: a token's
// surprise against what the model expected of the position (Min-K++, arXiv 2404.02936). fp64 across spans.

#include "kernels/span_moments.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace nepenthe::kernels {

class RunningMoments {
  public:
    // Takes in a span: `of_span` are its sums relative to `shift`, which is at least its largest logit.
    void merge(double shift, const SpanMoments& of_span) {
        const Sums more{static_cast<double>(of_span.sum), static_cast<double>(of_span.first),
                        static_cast<double>(of_span.second)};
        if (sums_.sum == 0) {
            maximum_ = shift;
            sums_ = more;
            return;
        }
        const double most = std::max(maximum_, shift);
        const Sums one = moved(sums_, maximum_ - most), other = moved(more, shift - most);
        sums_ = {one.sum + other.sum, one.first + other.first, one.second + other.second};
        maximum_ = most;
    }

    double mean_log_probability() const { return sums_.first / sums_.sum - std::log(sums_.sum); }
    // Rounding may leave it a little below zero where all logits are alike; then it is 0.
    double variance() const {
        const double mean = sums_.first / sums_.sum;
        return std::max(0.0, sums_.second / sums_.sum - mean * mean);
    }

  private:
    // Σ e, Σ e·d and Σ e·d² of d = logit − maximum and e = exp(d).
    struct Sums {
        double sum = 0, first = 0, second = 0;
    };
    // The same relative to a maximum that is larger by −by.
    static Sums moved(const Sums& sums, double by) {
        if (by == 0) return sums;
        const double factor = std::exp(by);
        if (factor == 0) return {};
        return {factor * sums.sum, factor * (sums.first + by * sums.sum),
                factor * (sums.second + 2 * by * sums.first + by * by * sums.sum)};
    }

    double maximum_ = -std::numeric_limits<double>::infinity();
    Sums sums_;
};

}  // namespace nepenthe::kernels
