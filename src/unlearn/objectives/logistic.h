#pragma once
// The logistic function and its integral, without overflow.

#include <algorithm>
#include <cmath>

namespace nepenthe::unlearn {

// 1 / (1 + exp(−x))
inline double logistic(double x) {
    const double small = std::exp(-std::abs(x));
    return x >= 0 ? 1.0 / (1.0 + small) : small / (1.0 + small);
}

// log(1 + exp(x)) = −log logistic(−x)
inline double softplus(double x) { return std::max(x, 0.0) + std::log1p(std::exp(-std::abs(x))); }

}  // namespace nepenthe::unlearn
