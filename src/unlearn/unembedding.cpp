#include "unlearn/unembedding.h"

#include "model/gemm.h"

#include <ATen/ATen.h>

namespace nepenthe::unlearn {

namespace {

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

std::int64_t Unembedding::vocabulary() const { return weight.size(0); }

at::Tensor Unembedding::logits(const at::Tensor& normed) const {
    const at::NoGradGuard no_gradients;
    at::Tensor out = model::matrix_product(normed.to(weight.device(), at::kFloat), weight.t());
    if (bias.defined()) out.add_(bias);
    if (soft_cap > 0) out.div_(soft_cap).tanh_().mul_(soft_cap);
    return out.to(at::kCPU).contiguous();
}

}  // namespace nepenthe::unlearn
