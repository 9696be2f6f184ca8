#pragma once
// The linear maps of a model's layers, told apart by what they read: maps that read the same share its statistics.

#include "model/decoder.h"

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace nepenthe::model {

// Named after the maps that read it.
enum class MapInput : std::uint8_t {
    kQkv,   // what query, key and value read: [hidden]
    kO,     // what the heads gathered, read by attention's output matrix: [heads * head_dim]
    kUp,    // what the first MLP matrices read (gate and up, or one): [hidden]
    kDown,  // the MLP key, read by the second MLP matrix: [intermediate]
};
// In the order of the forward pass.
inline constexpr std::array kMapInputs{MapInput::kQkv, MapInput::kO, MapInput::kUp, MapInput::kDown};

std::string_view map_input_name(MapInput input);                        // "qkv", "o", "up", "down"
std::optional<MapInput> find_map_input(std::string_view name);          // nothing for another name
std::int64_t input_width(const DecoderConfig& config, MapInput input);  // entries of such an input

struct LinearMap {
    std::string name;  // of the weight, as in the checkpoint
    std::int64_t layer = 0;
    MapInput input = MapInput::kDown;
    bool transposed = false;  // stored [in, out]
};
// Every linear map of every layer, in the order of the parameters. Embedding and unembedding are none.
std::vector<LinearMap> linear_maps(const Decoder& decoder);

// Is shown an input, [batch, position, width]; false ends the pass through the block there.
using InputVisitor = std::function<bool(MapInput input, const at::Tensor& read)>;
// Decoder::block(), bit for bit, with each input shown as it passes; undefined where the visitor ended it. For decoders
// without a side memory.
at::Tensor block_with_inputs(const Decoder& decoder, std::int64_t layer, const at::Tensor& hidden,
                             const Context& context, const InputVisitor& visit);

}  // namespace nepenthe::model
