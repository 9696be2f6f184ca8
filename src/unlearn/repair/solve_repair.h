#pragma once
// The closed form of a repair: what of a matrix's update to keep, given second moments of what the matrix reads.
//
// SAGE (arXiv 2606.18309; its objective is inferred from the abstract): of an update Δ = W_after - W_before, [out, in],
// keep the Δ' that minimises
//     tr((Δ' - Δ) F (Δ' - Δ)ᵀ) + λ tr(Δ' C Δ'ᵀ),    Δ' = Δ F (F + λC)⁻¹,
// where C is the second moment of the inputs on retained text: the second term is how far the update moves outputs
// there. With F = I this is SAGE's Δ (I + λC)⁻¹. With moments of the forgotten text, F = C_f + ridge · I weighs what
// the update does there; in directions that neither text reads, Δ' is Δ. C and C_f are first divided by the means of
// their diagonals, so that λ and the ridge mean the same in every matrix.

#include <ATen/core/Tensor.h>

#include <string>

namespace nepenthe::unlearn {

// Second moments of one input, [in, in] fp64, as means over tokens.
struct RepairMoments {
    at::Tensor retained;
    at::Tensor forgotten;  // undefined: F is the identity
};

// Δ' for `update` [rows, in] fp64, rows of any number of matrices that read the same; `update` itself, the same bytes,
// where λ or C is zero. λ >= 0. The system is solved by Cholesky in fp64; the result is a function of the arguments
// alone. Throws Error(kGate), naming `what`, for moments that are not finite, and Error(kData) for moments of the
// forgotten text that are zero.
at::Tensor repaired_update(const at::Tensor& update, const RepairMoments& moments, double lambda, double ridge,
                           const std::string& what);

}  // namespace nepenthe::unlearn
