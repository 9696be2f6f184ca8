#include "model/kernel_support.h"

#include <torch/types.h>

#include <algorithm>

namespace nepenthe::model {

bool has_fused_kernel(const at::Tensor& tensor) {
    return tensor.is_cpu() && (tensor.scalar_type() == at::kFloat || tensor.scalar_type() == at::kBFloat16);
}

at::Tensor norm_weight(const at::Tensor& weight, bool one_plus) {
    const at::Tensor exact = weight.detach().to(at::kFloat).contiguous();
    return one_plus ? exact + 1.0 : exact;
}

std::int64_t rows_per_block(std::int64_t rows) {
    constexpr std::int64_t kBlocks = 64, kFewest = 16;
    return std::max(kFewest, (rows + kBlocks - 1) / kBlocks);
}

at::Tensor sum_blocks(const at::Tensor& partial, const at::Tensor& like) {
    at::Tensor total = at::zeros({partial.size(1)}, partial.options());
    for (std::int64_t block = 0; block < partial.size(0); ++block) {
        total.add_(partial[block]);
    }
    return total.to(like.scalar_type());
}

}  // namespace nepenthe::model
