#include "edit/keys/moment_convergence.h"

#include "base/error.h"
#include "kernels/cholesky.h"

#include <torch/types.h>

namespace nepenthe::edit {

at::Tensor edit_directions(const at::Tensor& moment, const at::Tensor& keys) {
    const kernels::Factor factor = kernels::factorise(moment, "second moment");
    const at::Tensor solved = kernels::solve(factor, keys.t().contiguous()).t().contiguous();
    return solved / solved.norm(2, {1}, true);
}

double direction_change(const at::Tensor& before, const at::Tensor& after) {
    NEPENTHE_CHECK(before.sizes() == after.sizes());
    return 1.0 - (before * after).sum(1).mean().item<double>();
}

}  // namespace nepenthe::edit
