#include "kernels/row_statistics.h"

#include "kernels/vector_math.h"

#include <algorithm>
#include <cmath>

namespace nepenthe::kernels {

namespace {

constexpr std::int64_t kRun = 4096;

// Σ term(i) for i in [0, n), run by run.
template <typename Term>
NEPENTHE_ALWAYS_INLINE double sum_of_runs(std::int64_t n, Term term) {
    double total = 0;
    for (std::int64_t begin = 0; begin < n; begin += kRun) {
        const Lanes<16> lanes = add_to_lanes<16>(std::min(kRun, n - begin),
                                                 [=](std::int64_t i) NEPENTHE_INLINED { return term(begin + i); });
        for (const float lane : lanes) total += static_cast<double>(lane);
    }
    return total;
}

NEPENTHE_ALWAYS_INLINE float log_sum_exp(const float* row, std::int64_t n) {
    const float most = lane_maximum(row, n);
    const double total =
        sum_of_runs(n, [=](std::int64_t i) NEPENTHE_INLINED { return exp_of_non_positive(row[i] - most); });
    // 0, unless an entry is infinite or not a number.
    const double watch = sum_of_runs(n, [=](std::int64_t i) NEPENTHE_INLINED { return row[i] * 0.0f; });
    return static_cast<float>(static_cast<double>(most) + std::log(total + watch));
}

namespace reference {

double sum_of_values(std::span<const float> row) {
    double total = 0;
    for (const float value : row) total += static_cast<double>(value);
    return total;
}

float log_sum_exp(std::span<const float> row) {
    const auto most = static_cast<double>(*std::max_element(row.begin(), row.end()));
    double total = 0;
    for (const float value : row) {
        if (!std::isfinite(value)) return std::numeric_limits<float>::quiet_NaN();
        total += std::exp(static_cast<double>(value) - most);
    }
    return static_cast<float>(most + std::log(total));
}

}  // namespace reference

}  // namespace

double row_sum(std::span<const float> row, Path path) {
    if (path == Path::kReference) return reference::sum_of_values(row);
    return with_instruction_set(path, [=]() NEPENTHE_INLINED {
        const float* values = row.data();
        return sum_of_runs(static_cast<std::int64_t>(row.size()),
                           [=](std::int64_t i) NEPENTHE_INLINED { return values[i]; });
    });
}

float row_log_sum_exp(std::span<const float> row, Path path) {
    if (path == Path::kReference) return reference::log_sum_exp(row);
    return with_instruction_set(
        path, [=]() NEPENTHE_INLINED { return log_sum_exp(row.data(), static_cast<std::int64_t>(row.size())); });
}

}  // namespace nepenthe::kernels
