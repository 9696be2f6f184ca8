#pragma once
// Cholesky factors in fp64, by LAPACK; for second moments, which may lack directions. The same bytes on every rank with
// the same number of threads.

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>
#include <utility>

namespace nepenthe::kernels {

// Cholesky factor of a symmetric positive definite matrix, with jitter · trace / n added to the diagonal where it is
// needed (from 1e-12 up by tens, logged); Error(kGate) beyond 1e-4 or for non-finite entries.
struct Factor {
    at::Tensor lower;      // [n, n]; undefined = the identity
    double jitter = 0;     // relative to trace / n
    double condition = 1;  // estimate from below: (largest / smallest diagonal entry of the factor)²
};
Factor factorise(const at::Tensor& matrix, const std::string& what);
// A⁻¹ b for b [n, m].
at::Tensor solve(const Factor& factor, const at::Tensor& b);

// The factor as it comes, and where it stopped: 0 = it did not, i = the i-th pivot was not positive.
std::pair<at::Tensor, std::int64_t> try_cholesky(const at::Tensor& matrix);
// As Factor::condition says.
double condition_of(const at::Tensor& lower);

}  // namespace nepenthe::kernels
