#pragma once
// The closed forms: what to add to W (as [hidden, intermediate], value = W·key) so that it writes given residuals at given
// keys. All in fp64. Pure functions of their arguments: the same bytes on every rank. specs: editing.md §2–6, §11.

#include <ATen/core/Tensor.h>

#include <optional>
#include <string>
#include <vector>

namespace nepenthe::edit {

// Cholesky factor of a symmetric positive definite matrix, with jitter · trace / n added to the diagonal where it is
// needed (from 1e-12 up by tens, logged); Error(kGate) beyond 1e-4 or for non-finite entries.
struct Factor {
    at::Tensor lower;    // [n, n]
    double jitter = 0;   // relative to trace / n
    double condition = 0;  // estimate: (largest / smallest diagonal entry of the factor)²
};
Factor factorise(const at::Tensor& matrix, const std::string& what);
// A⁻¹ b for b [n, m].
at::Tensor solve(const Factor& factor, const at::Tensor& b);

// Delta as two factors: [hidden, u] · [u, intermediate].
struct LowRank {
    at::Tensor left, right;
    at::Tensor dense() const { return at::matmul(left, right); }
};

// r-ROME and ROME (arXiv 2202.05262 eq. 2, 2403.07175): residual [hidden]; direction from `direction_key`, normalised so
// that `constraint_key` receives the residual exactly.
LowRank rank_one(const at::Tensor& residual, const at::Tensor& direction_key, const at::Tensor& constraint_key,
                 const Factor& moment);

// MEMIT (2210.07229 eq. 14): residuals R [hidden, u], keys K [intermediate, u], lambda · C + K Kᵀ. EMMET (2403.14236) is
// lambda = w · mu, mu = 0 being exact equality. The Gram form is taken for u ≤ intermediate, the normal equations otherwise;
// both are offered so that tests can compare them.
enum class SolveForm { kAuto, kGram, kNormal };
LowRank least_squares(const at::Tensor& residuals, const at::Tensor& keys, const at::Tensor& moment, double lambda,
                      SolveForm form = SolveForm::kAuto);

// AlphaEdit (2410.02355): projector onto eigenvectors of C with eigenvalue < tau; reduced Cholesky form.
struct NullSpace {
    at::Tensor basis;  // [intermediate, q], orthonormal
};
NullSpace null_space(const at::Tensor& moment, double tau);
LowRank null_space_update(const at::Tensor& residuals, const at::Tensor& keys, const NullSpace& space,
                          const at::Tensor& previous /* [intermediate, intermediate] or undefined */, double l2);

}  // namespace nepenthe::edit
