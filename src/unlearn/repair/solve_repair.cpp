#include "unlearn/repair/solve_repair.h"

#include "base/error.h"
#include "kernels/cholesky.h"

#include <torch/types.h>

#include <cmath>

namespace nepenthe::unlearn {

namespace {

double mean_of_diagonal(const at::Tensor& moment, const std::string& what) {
    const double mean = moment.diagonal().mean().item<double>();
    if (!std::isfinite(mean)) fail(ErrorKind::kGate, "{}: second moments that are not finite", what);
    return mean;
}

}  // namespace

at::Tensor repaired_update(const at::Tensor& update, const RepairMoments& moments, double lambda, double ridge,
                           const std::string& what) {
    NEPENTHE_CHECK(update.dim() == 2 && update.scalar_type() == at::kDouble && lambda >= 0 && std::isfinite(lambda));
    NEPENTHE_CHECK(moments.retained.size(0) == update.size(1) && moments.retained.size(1) == update.size(1));
    const double unit = mean_of_diagonal(moments.retained, what);
    if (lambda == 0 || unit == 0) return update;
    const at::Tensor penalty = moments.retained * (lambda / unit);
    at::Tensor system;
    if (moments.forgotten.defined()) {
        NEPENTHE_CHECK(moments.forgotten.sizes() == moments.retained.sizes() && ridge > 0);
        const double forgotten = mean_of_diagonal(moments.forgotten, what);
        if (!(forgotten > 0)) fail(ErrorKind::kData, "{}: the forgotten text's second moments are zero", what);
        system = moments.forgotten / forgotten + penalty;
        system.diagonal().add_(ridge);
    } else {
        system = penalty.clone();
        system.diagonal().add_(1.0);
    }
    const kernels::Factor factor = kernels::factorise(system, what);
    // F (F + λC)⁻¹ = I - λC (F + λC)⁻¹: the difference is what is solved for, so that a small λ loses no digits.
    const at::Tensor right = at::matmul(penalty, update.t());
    return update - kernels::solve(factor, right).t();
}

}  // namespace nepenthe::unlearn
