#include "edit/memories/side_merge.h"

#include "base/error.h"
#include "base/random.h"

#include <torch/types.h>

#include <algorithm>
#include <cmath>

namespace nepenthe::edit {

at::Tensor shard_mask(std::int64_t rows, std::int64_t columns, double ratio, std::uint64_t seed, std::uint64_t shard) {
    at::Tensor mask = at::empty({rows, columns}, at::kFloat);
    float* data = mask.mutable_data_ptr<float>();
    for (std::int64_t row = 0; row < rows; ++row) {
        RandomStream stream(seed, "wise.mask", (shard << 32) | static_cast<std::uint64_t>(row));
        for (std::int64_t column = 0; column < columns; ++column) {
            *data++ = stream.uniform() < ratio ? 1.0F : 0.0F;
        }
    }
    return mask;
}

namespace {

// The largest entries by size.
at::Tensor trimmed(const at::Tensor& change, double density) {
    const std::int64_t dropped = change.numel() - std::llround(density * static_cast<double>(change.numel()));
    if (dropped <= 0) return change;
    const at::Tensor size = change.abs();
    const at::Tensor border = std::get<0>(size.flatten().kthvalue(dropped));
    return change.masked_fill(size.le(border), 0.0);
}

}  // namespace

at::Tensor merge_changes(const std::vector<at::Tensor>& changes, const std::vector<double>& weights, double density) {
    NEPENTHE_CHECK(!changes.empty() && changes.size() == weights.size());
    std::vector<at::Tensor> kept;
    at::Tensor sum = at::zeros_like(changes.front());
    for (std::size_t i = 0; i < changes.size(); ++i) {
        kept.push_back(trimmed(changes[i], density));
        sum += kept.back() * weights[i];
    }
    const at::Tensor sign = sum.sign();
    at::Tensor total = at::zeros_like(sum), weight = at::zeros_like(sum);
    for (std::size_t i = 0; i < kept.size(); ++i) {
        const at::Tensor agrees = kept[i].sign().eq(sign).logical_and(sign.ne(0)).to(at::kFloat);
        total += kept[i] * agrees * weights[i];
        weight += agrees * weights[i];
    }
    return at::where(weight.gt(0), total / weight.clamp_min(1e-30), 0.0);
}

}  // namespace nepenthe::edit
