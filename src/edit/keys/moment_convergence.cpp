#include "edit/keys/moment_convergence.h"

#include "base/error.h"
#include "edit/solve/solve.h"

#include <torch/types.h>

namespace nepenthe::edit {

at::Tensor edit_directions(const at::Tensor& moment, const at::Tensor& keys) {
    const at::Tensor solved = solve(factorise(moment, "second moment"), keys.t().contiguous()).t().contiguous();
    return solved / solved.norm(2, {1}, true);
}

double direction_change(const at::Tensor& before, const at::Tensor& after) {
    NEPENTHE_CHECK(before.sizes() == after.sizes());
    return 1.0 - (before * after).sum(1).mean().item<double>();
}

}  // namespace nepenthe::edit
