#pragma once
// A decoder that trains in milliseconds, with sizes that nothing divides, and samples for it.

#include "base/random.h"
#include "model/decoder.h"
#include "train/loss.h"
#include "train/sample.h"

#include <torch/types.h>

#include <algorithm>
#include <cstdint>

namespace nepenthe::testing {

inline model::DecoderConfig tiny_config(bool tied = true) {
    model::DecoderConfig config;
    config.family = "llama";
    config.vocabulary = 101;
    config.hidden = 12;
    config.layers = 2;
    config.intermediate = 23;
    config.heads = 2;
    config.kv_heads = 1;
    config.head_dim = 6;
    config.max_positions = 64;
    config.rotaries.resize(1);
    config.rotaries.front().dims = 6;
    config.rotary_of = {0, 0};
    config.window_of = {0, 0};
    config.attention_scale = 0.408248290463863;
    config.tied = tied;
    config.checkpoint_dtype = "float32";
    return config;
}

// Sample `index`: 5 to 12 tokens; one in seven has no label at all.
inline train::Sample tiny_sample(std::int64_t index) {
    RandomStream random(11, "test.samples", static_cast<std::uint64_t>(index));
    std::vector<text::TokenId> ids(5 + random.below(8));
    for (auto& id : ids) {
        id = static_cast<text::TokenId>(random.below(101));
    }
    train::Sample sample = train::causal_sample(ids);
    if (index % 7 == 3) {
        std::fill(sample.labels.begin(), sample.labels.end(), train::kIgnore);
    }
    return sample;
}

// All weights in one row, fp32.
inline at::Tensor all_weights(const model::Decoder& decoder) {
    std::vector<at::Tensor> rows;
    for (const auto& [name, tensor] : decoder.parameters()) {
        rows.push_back(tensor.detach().to(at::kFloat).flatten());
    }
    return at::cat(rows);
}

}  // namespace nepenthe::testing
