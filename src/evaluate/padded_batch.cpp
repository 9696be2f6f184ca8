#include "evaluate/padded_batch.h"

#include <torch/types.h>

#include <algorithm>

namespace nepenthe::evaluate {

model::Batch padded_batch(std::span<const std::span<const text::TokenId>> sequences, Padding padding,
                          at::Device device) {
    std::size_t longest = 0;
    bool equal = true;
    for (const auto& sequence : sequences) {
        equal = equal && sequence.size() == sequences.front().size();
        longest = std::max(longest, sequence.size());
    }
    const std::vector<std::int64_t> shape = {static_cast<std::int64_t>(sequences.size()),
                                             static_cast<std::int64_t>(longest)};
    at::Tensor ids = torch::zeros(shape, torch::kInt64), mask = torch::zeros(shape, torch::kBool);
    auto* id = ids.mutable_data_ptr<std::int64_t>();
    auto* real = mask.mutable_data_ptr<bool>();
    for (std::size_t row = 0; row < sequences.size(); ++row) {
        const std::size_t empty = padding == Padding::kLeft ? longest - sequences[row].size() : 0;
        std::copy(sequences[row].begin(), sequences[row].end(), id + row * longest + empty);
        std::fill_n(real + row * longest + empty, sequences[row].size(), true);
    }
    model::Batch batch{ids.to(device), {}};
    if (!equal) batch.mask = mask.to(device);
    return batch;
}

}  // namespace nepenthe::evaluate
