#pragma once
// What a method moved: the linear maps of a model's layers whose weights differ from those that it was made from.

#include "model/decoder.h"
#include "model/linear_maps.h"

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
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

// What `model` moved of every parameter that is no linear map of a layer (embeddings, unembedding, norms, biases) times
// `scale`, rounded to the type that it will be saved in: 0 gives them the base's values, 1 leaves them as they are.
void scale_others(const model::Decoder& base, model::Decoder& model, double scale,
                  const std::function<at::ScalarType(const std::string& name)>& stored);

}  // namespace nepenthe::unlearn
