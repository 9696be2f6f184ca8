#include "model/gemm.h"

#include <ATen/Context.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/ops/addmm.h>
#include <ATen/ops/mm.h>

#include <optional>

namespace nepenthe::model {

namespace {

using Scalars = c10::List<std::optional<at::Scalar>>;
using PlainSignature = at::Tensor(const at::Tensor&, const at::Tensor&, const std::optional<at::Tensor>&,
                                  std::string_view, Scalars, std::optional<std::string_view>);
using BinarySignature = at::Tensor(const at::Tensor&, const at::Tensor&, const at::Tensor&,
                                   const std::optional<at::Tensor>&, std::string_view);

// oneDNN's x·Wᵀ as libtorch registers it; empty in builds without oneDNN.
template <typename Signature>
std::optional<c10::TypedOperatorHandle<Signature>> find_operator(const char* overload) {
    const auto found = c10::Dispatcher::singleton().findSchema({"mkldnn::_linear_pointwise", overload});
    if (!found.has_value() || !at::globalContext().userEnabledMkldnn()) {
        return std::nullopt;
    }
    return found->typed<Signature>();
}

bool wants_onednn(const at::Tensor& a, const at::Tensor& b) {
    // A matrix-vector product is bound by memory; ATen's way costs less to start.
    constexpr std::int64_t kSmallest = 4;
    return a.is_cpu() && a.scalar_type() == at::kFloat && a.size(0) >= kSmallest && b.size(1) >= kSmallest &&
           a.size(1) > 0;
}

// oneDNN has fast kernels for dense matrices, transposed or not; slices of wider rows would fall to its reference
// loops, a thousand times as slow as copying them.
at::Tensor dense(const at::Tensor& matrix) {
    return matrix.is_contiguous() || matrix.t().is_contiguous() ? matrix : matrix.contiguous();
}

}  // namespace

at::Tensor matrix_product(const at::Tensor& a, const at::Tensor& b) {
    static const auto onednn = find_operator<PlainSignature>("");
    if (!onednn.has_value() || !wants_onednn(a, b)) {
        return at::mm(a, b);
    }
    return onednn->call(dense(a), dense(b).t(), std::nullopt, "none", Scalars(), "");
}

at::Tensor matrix_product_plus(const at::Tensor& a, const at::Tensor& b, const at::Tensor& c) {
    static const auto onednn = find_operator<BinarySignature>("binary");
    if (!onednn.has_value() || !wants_onednn(a, b)) {
        return at::addmm(c, a, b);
    }
    return onednn->call(dense(a), c.contiguous(), dense(b).t(), std::nullopt, "add");
}

}  // namespace nepenthe::model
