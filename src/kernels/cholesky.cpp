#include "kernels/cholesky.h"

#include "base/error.h"
#include "base/log.h"

#include <torch/types.h>

#include <utility>

namespace nepenthe::kernels {

namespace {

constexpr double kFirstJitter = 1e-12, kLastJitter = 1e-4;

}  // namespace

double condition_of(const at::Tensor& lower) {
    const at::Tensor diagonal = lower.diagonal();
    const double ratio = (diagonal.max() / diagonal.min()).item<double>();
    return ratio * ratio;
}

std::pair<at::Tensor, std::int64_t> try_cholesky(const at::Tensor& matrix) {
    auto [lower, info] = at::linalg_cholesky_ex(matrix);
    return {lower, info.item<std::int64_t>()};
}

Factor factorise(const at::Tensor& matrix, const std::string& what) {
    NEPENTHE_CHECK(matrix.dim() == 2 && matrix.size(0) == matrix.size(1) && matrix.scalar_type() == at::kDouble);
    if (!at::isfinite(matrix).all().item<bool>()) fail(ErrorKind::kGate, "{} holds a value that is not finite", what);
    const double unit = matrix.trace().item<double>() / static_cast<double>(matrix.size(0));
    auto [lower, stopped] = try_cholesky(matrix);
    double jitter = 0;
    while (stopped != 0) {
        jitter = jitter == 0 ? kFirstJitter : 10 * jitter;
        if (jitter > kLastJitter * 1.5 || !(unit > 0)) {
            fail(ErrorKind::kGate,
                 "{} [{} x {}] is not positive definite, not even with {:.0e} of its mean eigenvalue added; it lacks "
                 "directions: use more text for the statistics, or a larger lambda",
                 what, matrix.size(0), matrix.size(1), kLastJitter);
        }
        at::Tensor shifted = matrix.clone();
        shifted.diagonal().add_(jitter * unit);
        std::tie(lower, stopped) = try_cholesky(shifted);
    }
    const double condition = condition_of(lower);
    if (jitter > 0)
        log_warning("{}: {:.0e} of its mean eigenvalue was added to make it positive definite", what, jitter);
    return {lower, jitter, condition};
}

at::Tensor solve(const Factor& factor, const at::Tensor& b) {
    return factor.lower.defined() ? at::cholesky_solve(b, factor.lower) : b;
}

}  // namespace nepenthe::kernels
