#pragma once
// What a method moved: the linear maps of a model's layers whose weights differ from those that it was made from.

#include "model/decoder.h"
#include "model/linear_maps.h"

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>
#include <vector>

namespace nepenthe::unlearn {

// Moved maps that read the same input: one system repairs them all.
struct MovedMaps {
    std::int64_t layer = 0;
    model::MapInput input = model::MapInput::kDown;
    std::vector<model::LinearMap> maps;

    std::string name() const;  // "layer 3, input of qkv"
};

// Throws Error(kData) that lists every difference of family, names and shapes: such a model was not made from `base`.
void check_made_from(const model::Decoder& base, const model::Decoder& model);

// By layer, in the order of the forward pass. Both decoders hold fp32 weights.
std::vector<MovedMaps> moved_maps(const model::Decoder& base, const model::Decoder& model);

// Gives `model` the base's values of every parameter that is no linear map of a layer: embeddings, unembedding, norms,
// biases.
void take_others_from(const model::Decoder& base, model::Decoder& model);

}  // namespace nepenthe::unlearn
