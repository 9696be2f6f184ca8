#pragma once
// The tensors of a decoder: read from a checkpoint or drawn afresh, held by checkpoint name, and handed to the layers
// by what they are for.

#include "model/decoder.h"
#include "model/family/config.h"
#include "model/family/families.h"

#include <ATen/core/Tensor.h>

#include <map>
#include <string>
#include <vector>

namespace nepenthe::model {

// A projection as it is stored; the bias may be undefined.
struct Projection {
    at::Tensor weight, bias;
    bool transposed = false;
    bool defined() const { return weight.defined(); }
};
struct Norm {
    at::Tensor weight, bias;  // undefined where the norm has none
};
// Of queries or keys: one weight, or one for each head where the checkpoint keeps them apart.
struct HeadNormWeights {
    std::vector<at::Tensor> weights;
    at::Tensor bias;
    bool defined() const { return !weights.empty(); }
    // [head_dim], [head * head_dim] or [head, head_dim].
    at::Tensor weight() const;
};

// One layer's tensors, by use; undefined where the family has none.
struct LayerWeights {
    Norm attention_norm, attention_post_norm, mlp_norm, mlp_post_norm;
    Projection query, key, value;  // separate
    Projection qkv;                // or fused, laid out as the family says
    HeadNormWeights query_norm, key_norm;
    Projection attention_output, gate, up, gate_up, down;
    at::Tensor activation_positive, activation_negative;
    std::shared_ptr<const SideMemory> side_memory;  // beside `down`, where one is attached

    // Every defined tensor, in a fixed order.
    std::vector<at::Tensor> all() const;
};

struct Weights {
    std::vector<TensorSpec> specs;  // in checkpoint order, parallel to `tensors`
    std::vector<at::Tensor> tensors;
    std::map<std::string, std::size_t> index;
    at::Tensor embedding, positions, head, head_bias;  // head == embedding where tied
    Norm embedding_norm, final_norm;
    std::vector<LayerWeights> layers;
};

// Reads the tensors of a folder; throws Error(kData) that lists every missing, superfluous, misshapen or non-finite
// one. Corrects `config.tied` where the file shows otherwise (checkpoint_layout.h).
Weights load_weights(DecoderConfig& config, const std::filesystem::path& folder, at::ScalarType dtype,
                     at::Device device);
// The same tensors as `dtype`, in storage of their own.
Weights copy_weights(const DecoderConfig& config, const Weights& weights, at::ScalarType dtype);
// A layer's tensors of a decoder, by use. The decoder's own; a side memory is not among them.
LayerWeights layer_weights(const Decoder& decoder, std::int64_t layer);
// Draws fresh ones: see Decoder::create.
Weights create_weights(const DecoderConfig& config, std::uint64_t seed, at::ScalarType dtype, at::Device device);

}  // namespace nepenthe::model
