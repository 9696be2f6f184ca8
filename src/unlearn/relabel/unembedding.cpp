#include "unlearn/relabel/unembedding.h"

#include "model/gemm.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <algorithm>

namespace nepenthe::unlearn {

namespace {

constexpr std::int64_t kSlice = 16384;  // ids widened at once: 42 MB for a width of 640

// fp32 values of `tensor`, without the rest of a storage that it is a part of.
at::Tensor by_itself(const at::Tensor& tensor) {
    const at::Tensor plain = tensor.detach();
    if (plain.scalar_type() != at::kFloat) return plain.to(at::kFloat).contiguous();
    const bool part = plain.storage().nbytes() > static_cast<std::size_t>(plain.numel()) * sizeof(float);
    return part ? plain.clone(at::MemoryFormat::Contiguous) : plain.contiguous();
}

}  // namespace

Unembedding Unembedding::of(const model::Decoder& decoder) {
    Unembedding out;
    out.weight = by_itself(decoder.unembedding());
    if (const at::Tensor bias = decoder.unembedding_bias(); bias.defined()) out.bias = by_itself(bias);
    out.soft_cap = decoder.config().logit_soft_cap;
    return out;
}

Unembedding Unembedding::compact() const {
    Unembedding out = *this;
    const at::Tensor half = weight.to(at::kBFloat16);
    for (std::int64_t first = 0; first < vocabulary(); first += kSlice) {
        const std::int64_t count = std::min(kSlice, vocabulary() - first);
        if (!half.narrow(0, first, count).to(at::kFloat).equal(weight.narrow(0, first, count))) return out;
    }
    out.weight = half;
    return out;
}

std::int64_t Unembedding::vocabulary() const { return weight.size(0); }

at::Tensor Unembedding::logits(const at::Tensor& normed) const {
    const at::NoGradGuard no_gradients;
    const at::Tensor states = normed.to(weight.device(), at::kFloat);
    at::Tensor out = at::empty({states.size(0), vocabulary()}, states.options());
    // One buffer for all slices: fresh pages for each of them cost more than the widening.
    at::Tensor wide;
    if (weight.scalar_type() != at::kFloat) wide = at::empty({kSlice, weight.size(1)}, states.options());
    for (std::int64_t first = 0; first < vocabulary(); first += kSlice) {
        const std::int64_t count = std::min(kSlice, vocabulary() - first);
        at::Tensor slice = weight.narrow(0, first, count);
        if (wide.defined()) slice = wide.narrow(0, 0, count).copy_(slice);
        out.narrow(1, first, count).copy_(model::matrix_product(states, slice.t()));
    }
    if (bias.defined()) out.add_(bias);
    if (soft_cap > 0) out.div_(soft_cap).tanh_().mul_(soft_cap);
    return out.to(at::kCPU).contiguous();
}

}  // namespace nepenthe::unlearn
