#include "train/targets.h"

#include <torch/types.h>

namespace nepenthe::train {

Targets Targets::of_tokens(const at::Tensor& tokens) {
    const at::Tensor ids = tokens.contiguous();
    const at::TensorOptions numbers = ids.options().dtype(at::kFloat);
    return {at::arange(ids.numel() + 1, ids.options()),
            ids,
            at::ones(ids.sizes(), numbers),
            at::zeros(ids.sizes(), numbers),
            at::ones(ids.sizes(), numbers),
            false};
}

Targets Targets::of(const std::vector<Distribution>& rows, at::Device device) {
    std::vector<std::int64_t> offsets{0}, ids;
    std::vector<float> probabilities, rest, weights;
    bool soft = false;
    for (const Distribution& row : rows) {
        ids.insert(ids.end(), row.ids.begin(), row.ids.end());
        probabilities.insert(probabilities.end(), row.probabilities.begin(), row.probabilities.end());
        offsets.push_back(static_cast<std::int64_t>(ids.size()));
        rest.push_back(row.rest);
        weights.push_back(row.weight);
        soft = soft || row.ids.size() > 1 || row.rest > 0;
    }
    return {at::tensor(offsets, at::kLong).to(device),        at::tensor(ids, at::kLong).to(device),
            at::tensor(probabilities, at::kFloat).to(device), at::tensor(rest, at::kFloat).to(device),
            at::tensor(weights, at::kFloat).to(device),       soft};
}

std::int64_t Targets::size() const { return rest.defined() ? rest.numel() : 0; }

Targets Targets::rows(std::int64_t first, std::int64_t count) const {
    const std::int64_t begin = offsets[first].item<std::int64_t>(), end = offsets[first + count].item<std::int64_t>();
    return {offsets.narrow(0, first, count + 1) - begin,
            ids.narrow(0, begin, end - begin),
            probabilities.narrow(0, begin, end - begin),
            rest.narrow(0, first, count),
            weights.narrow(0, first, count),
            soft};
}

at::Tensor Targets::row_of_entry() const {
    return at::repeat_interleave(at::arange(size(), ids.options()), offsets.diff());
}

}  // namespace nepenthe::train
