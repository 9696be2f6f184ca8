#pragma once
// The softmax of one row of logits that is visited span by span: its maximum and the sum of exponentials relative to
// it (the online normaliser of Milakov and Gimelshein, arXiv 1805.02867). fp64 across spans.

#include <algorithm>
#include <cmath>
#include <limits>

namespace nepenthe::kernels {

struct RunningSoftmax {
    double maximum = -std::numeric_limits<double>::infinity();
    double sum = 0;  // of exp(logit − maximum)

    // Takes in a span: `of_span` is Σ exp(logit − shift) over it, `shift` at least its largest logit.
    void merge(double shift, double of_span) {
        if (sum == 0) {
            maximum = shift;
            sum = of_span;
            return;
        }
        const double most = std::max(maximum, shift);
        sum = sum * std::exp(maximum - most) + of_span * std::exp(shift - most);
        maximum = most;
    }

    double log_sum_exp() const { return maximum + std::log(sum); }
};

}  // namespace nepenthe::kernels
