#include "edit/solve/solve.h"

#include "base/error.h"
#include "base/log.h"
#include "kernels/cholesky.h"

#include <torch/types.h>

#include <algorithm>
#include <cmath>

namespace nepenthe::edit {

using kernels::condition_of;
using kernels::Factor;
using kernels::factorise;
using kernels::solve;
using kernels::try_cholesky;

namespace {

// Share of a key's squared length that no earlier key explains; below it, equality constraints contradict each other.
constexpr double kIndependent = 1e-9;

bool all_finite(const at::Tensor& tensor) { return at::isfinite(tensor).all().item<bool>(); }

void check_shapes(const at::Tensor& residuals, const at::Tensor& keys) {
    NEPENTHE_CHECK(residuals.dim() == 2 && keys.dim() == 2 && residuals.size(1) == keys.size(1) && keys.size(1) > 0);
    NEPENTHE_CHECK(residuals.scalar_type() == at::kDouble && keys.scalar_type() == at::kDouble);
    if (!all_finite(residuals)) fail(ErrorKind::kGate, "solve: a residual holds a value that is not finite");
    if (!all_finite(keys)) fail(ErrorKind::kGate, "solve: a key holds a value that is not finite");
}

// Factor of a Gram matrix whose keys must be independent: no jitter, it would turn equality into averaging.
Factor factorise_independent(const at::Tensor& gram) {
    const at::Tensor scale = gram.diagonal().sqrt();
    const at::Tensor correlation = gram / scale.unsqueeze(0) / scale.unsqueeze(1);
    auto [lower, stopped] = try_cholesky(correlation);
    std::int64_t dependent = stopped - 1;
    if (stopped == 0) {
        const at::Tensor own_share = lower.diagonal().square();
        if (own_share.min().item<double>() < kIndependent) dependent = own_share.argmin().item<std::int64_t>();
    }
    if (dependent >= 0) {
        const at::Tensor others = correlation[dependent].abs().index_fill(0, at::tensor(dependent), 0.0);
        const auto nearest = others.argmax().item<std::int64_t>();
        fail(ErrorKind::kGate,
             "solve: the key of fact {} of the batch is a combination of the others (nearest: fact {}, correlation "
             "{:.9f}), so "
             "that equality cannot hold for all; merge facts that share a subject, or allow an error (lambda > 0)",
             dependent + 1, nearest + 1, others[nearest].item<double>());
    }
    lower = scale.unsqueeze(1) * lower;
    return {lower, 0, condition_of(lower)};
}

// Through the u×u system S = lambda I + Kᵀ C⁻¹ K: Δ = (R S⁻¹) (C⁻¹ K)ᵀ.
Solution gram_form(const at::Tensor& residuals, const at::Tensor& keys, const Moment& moment, double lambda,
                   const Dealing& dealing) {
    const std::int64_t facts = keys.size(1);
    const at::Tensor directions = dealing.rows(facts, [&](std::int64_t first, std::int64_t count) {
        return solve(moment.factor, keys.narrow(1, first, count).contiguous()).t();
    });
    at::Tensor gram = dealing.rows(facts, [&](std::int64_t first, std::int64_t count) {
        return at::matmul(directions.narrow(0, first, count), keys);
    });
    gram = 0.5 * (gram + gram.t());
    Factor factor;
    if (lambda > 0) {
        gram.diagonal().add_(lambda);
        factor = factorise(gram, "the system of the batch's keys");
    } else {
        factor = factorise_independent(gram);
    }
    const at::Tensor left = dealing.rows(residuals.size(0), [&](std::int64_t first, std::int64_t count) {
        return solve(factor, residuals.narrow(0, first, count).t().contiguous()).t();
    });
    return {{left, directions}, factor.condition, factor.jitter};
}

// Through the dk×dk system lambda C + K Kᵀ.
Solution normal_form(const at::Tensor& residuals, const at::Tensor& keys, const Moment& moment, double lambda,
                     const Dealing& dealing) {
    at::Tensor system = dealing.rows(keys.size(0), [&](std::int64_t first, std::int64_t count) {
        return at::matmul(keys.narrow(0, first, count), keys.t());
    });
    if (moment.matrix.defined()) {
        system.add_(moment.matrix, lambda);
    } else {
        system.diagonal().add_(lambda);
    }
    const Factor factor = factorise(0.5 * (system + system.t()), "lambda C + K Kᵀ");
    const at::Tensor change = dealing.rows(residuals.size(0), [&](std::int64_t first, std::int64_t count) {
        const at::Tensor written = at::matmul(residuals.narrow(0, first, count), keys.t());
        return solve(factor, written.t().contiguous()).t();
    });
    return {{at::Tensor(), change}, factor.condition, factor.jitter};
}

}  // namespace

Moment make_moment(const at::Tensor& matrix, const std::string& what) {
    return matrix.defined() ? Moment{matrix, factorise(matrix, what)} : Moment{};
}

at::Tensor LowRank::dense() const { return left.defined() ? at::matmul(left, right) : right; }

double LowRank::norm() const {
    if (!left.defined()) return right.norm().item<double>();
    // ‖L R‖² = trace((LᵀL)(R Rᵀ)) costs u² (hidden + intermediate) instead of u · hidden · intermediate.
    if (left.size(1) > std::min(left.size(0), right.size(1))) return dense().norm().item<double>();
    const at::Tensor trace = (at::matmul(left.t(), left) * at::matmul(right, right.t())).sum();
    return std::sqrt(std::max(0.0, trace.item<double>()));
}

LowRank LowRank::compact() const {
    if (!left.defined() || left.numel() + right.numel() <= left.size(0) * right.size(1)) return *this;
    return {at::Tensor(), dense()};
}

Solution rank_one(const at::Tensor& residual, const at::Tensor& direction_key, const at::Tensor& constraint_key,
                  const Moment& moment) {
    NEPENTHE_CHECK(residual.dim() == 1 && direction_key.dim() == 1 && constraint_key.sizes() == direction_key.sizes());
    const at::Tensor direction = solve(moment.factor, direction_key.unsqueeze(1)).squeeze(1);
    const double response = at::dot(direction, constraint_key).item<double>();
    const double scale = (direction.norm() * constraint_key.norm()).item<double>();
    if (!std::isfinite(response) || !(std::abs(response) > 1e-12 * scale)) {
        fail(ErrorKind::kGate, "solve: the key that is edited does not respond to the direction of the edit ({:.3g})",
             response);
    }
    return {
        {residual.unsqueeze(1), (direction / response).unsqueeze(0)}, moment.factor.condition, moment.factor.jitter};
}

Solution least_squares(const at::Tensor& residuals, const at::Tensor& keys, const Moment& moment, double lambda,
                       SolveForm form, const Dealing& dealing) {
    check_shapes(residuals, keys);
    NEPENTHE_CHECK(lambda >= 0 && std::isfinite(lambda));
    const std::int64_t width = keys.size(0), facts = keys.size(1);
    if (lambda == 0 && facts > width) {
        fail(ErrorKind::kGate,
             "solve: {} facts, but keys have {} dimensions: equality cannot hold for more facts than that; "
             "allow an error (lambda > 0) or write fewer",
             facts, width);
    }
    const bool gram = form == SolveForm::kGram || (form == SolveForm::kAuto && (facts <= width || lambda == 0));
    NEPENTHE_CHECK(gram || lambda > 0);
    return gram ? gram_form(residuals, keys, moment, lambda, dealing)
                : normal_form(residuals, keys, moment, lambda, dealing);
}

NullSpace null_space(const at::Tensor& moment, double tau) {
    if (!all_finite(moment)) fail(ErrorKind::kGate, "null space: the second moment holds a value that is not finite");
    const auto [eigenvalues, eigenvectors] = at::linalg_eigh(moment);  // ascending
    const std::int64_t free = (eigenvalues < tau).sum().item<std::int64_t>();
    if (free == 0) {
        fail(ErrorKind::kGate,
             "null space: no eigenvalue of the second moment is below tau = {} (smallest {:.3g}): nothing can "
             "be written; choose a larger tau",
             tau, eigenvalues[0].item<double>());
    }
    if (free == eigenvalues.size(0)) {
        log_warning(
            "null space: every eigenvalue of the second moment is below tau = {} (largest {:.3g}): nothing is "
            "preserved",
            tau, eigenvalues[-1].item<double>());
    }
    log_info("null space: {} of {} directions may be written to (tau {})", free, eigenvalues.size(0), tau);
    return {eigenvectors.narrow(1, 0, free).contiguous()};
}

Solution null_space_update(const at::Tensor& residuals, const at::Tensor& keys, const NullSpace& space,
                           const at::Tensor& previous, double l2, const Dealing& dealing) {
    check_shapes(residuals, keys);
    NEPENTHE_CHECK(l2 > 0 && space.basis.size(0) == keys.size(0));
    const at::Tensor& basis = space.basis;
    const at::Tensor reduced = at::matmul(basis.t(), keys);  // [q, u]
    at::Tensor system = at::matmul(reduced, reduced.t());
    if (previous.defined()) system = system + at::matmul(basis.t(), at::matmul(previous, basis));
    system = 0.5 * (system + system.t());
    system.diagonal().add_(l2);
    const Factor factor = factorise(system, "the system of the batch's keys in the null space");
    const bool few = keys.size(1) <= residuals.size(0);
    // Rows of (M⁻¹ Kq)ᵀ Ûᵀ, one a fact, or rows of the change itself.
    const at::Tensor rows =
        dealing.rows(few ? keys.size(1) : residuals.size(0), [&](std::int64_t first, std::int64_t count) {
            const at::Tensor right = few ? reduced.narrow(1, first, count).contiguous()
                                         : at::matmul(reduced, residuals.narrow(0, first, count).t());
            return at::matmul(solve(factor, right).t(), basis.t());
        });
    return {{few ? residuals : at::Tensor(), rows}, factor.condition, factor.jitter};
}

}  // namespace nepenthe::edit
