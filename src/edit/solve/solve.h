#pragma once
// The closed forms: what to add to W (as [hidden, intermediate], value = W·key) so that it writes given residuals at
// given keys. All in fp64. The result is a pure function of the arguments: the same bytes on every rank and for every
// number of ranks that a dealing shares the work among. specs: editing.md §2–6, §11.

#include "edit/solve/dealing.h"
#include "kernels/cholesky.h"

#include <ATen/core/Tensor.h>

#include <string>

namespace nepenthe::edit {

// The second moment C of a layer's keys, factorised once. Default: the identity (no knowledge of other keys).
struct Moment {
    at::Tensor matrix;  // [intermediate, intermediate]; undefined = the identity
    kernels::Factor factor;
};
Moment make_moment(const at::Tensor& matrix, const std::string& what);

// A change of W as two factors, [hidden, u] · [u, intermediate]; `left` undefined = the identity, `right` is the whole
// change.
struct LowRank {
    at::Tensor left, right;
    at::Tensor dense() const;
    double norm() const;  // Frobenius
    // The whole change in `right` where that is the smaller form.
    LowRank compact() const;
};

struct Solution {
    LowRank update;
    double condition = 1, jitter = 0;  // of the system that was solved
};

// ROME and r-ROME (arXiv 2202.05262 eq. 2, 2403.07175): residual [hidden]; the direction is C⁻¹ · direction_key, scaled
// so that `constraint_key` receives the residual exactly. Error(kGate) where the two keys are orthogonal in C's metric.
Solution rank_one(const at::Tensor& residual, const at::Tensor& direction_key, const at::Tensor& constraint_key,
                  const Moment& moment);

// MEMIT (2210.07229 eq. 14): residuals R [hidden, u], keys K [intermediate, u], Δ = R Kᵀ (lambda · C + K Kᵀ)⁻¹. EMMET
// (2403.14236) is lambda = w · mu, and lambda = 0 is exact equality: then keys must be linearly independent,
// Error(kGate) names the first that is not. The Gram form is taken for u ≤ intermediate, the normal equations
// otherwise; both are offered so that tests can compare them.
enum class SolveForm { kAuto, kGram, kNormal };
Solution least_squares(const at::Tensor& residuals, const at::Tensor& keys, const Moment& moment, double lambda,
                       SolveForm form = SolveForm::kAuto, const Dealing& dealing = Dealing::here());

// AlphaEdit (2410.02355): eigenvectors of C with eigenvalue < tau span what may be written to.
struct NullSpace {
    at::Tensor basis;  // [intermediate, q], orthonormal
};
// Error(kGate) where nothing may be written to.
NullSpace null_space(const at::Tensor& moment, double tau);
// Δ = R Kᵀ P (P (K Kᵀ + previous) P + l2 · I)⁻¹ with P = basis · basisᵀ, solved in the basis.
Solution null_space_update(const at::Tensor& residuals, const at::Tensor& keys, const NullSpace& space,
                           const at::Tensor& previous /* [intermediate, intermediate] or undefined */, double l2,
                           const Dealing& dealing = Dealing::here());

}  // namespace nepenthe::edit
