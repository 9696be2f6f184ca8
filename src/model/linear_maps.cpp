#include "model/linear_maps.h"

#include "base/error.h"
#include "model/block.h"
#include "model/family/families.h"
#include "model/weights.h"

#include <torch/types.h>

namespace nepenthe::model {

namespace {

std::optional<MapInput> input_of(Role role) {
    switch (role) {
        case Role::kQuery:
        case Role::kKey:
        case Role::kValue:
        case Role::kQkv: return MapInput::kQkv;
        case Role::kAttentionOutput: return MapInput::kO;
        case Role::kGate:
        case Role::kUp:
        case Role::kGateUp: return MapInput::kUp;
        case Role::kDown: return MapInput::kDown;
        default: return std::nullopt;
    }
}

}  // namespace

std::string_view map_input_name(MapInput input) {
    switch (input) {
        case MapInput::kQkv: return "qkv";
        case MapInput::kO: return "o";
        case MapInput::kUp: return "up";
        case MapInput::kDown: break;
    }
    return "down";
}

std::optional<MapInput> find_map_input(std::string_view name) {
    for (const MapInput input : kMapInputs) {
        if (map_input_name(input) == name) return input;
    }
    return std::nullopt;
}

std::int64_t input_width(const DecoderConfig& config, MapInput input) {
    switch (input) {
        case MapInput::kQkv:
        case MapInput::kUp: return config.hidden;
        case MapInput::kO: return config.heads * config.head_dim;
        case MapInput::kDown: break;
    }
    return config.intermediate;
}

std::vector<LinearMap> linear_maps(const Decoder& decoder) {
    std::vector<LinearMap> maps;
    // In the same order; names may lack the family's prefix in the checkpoint.
    const std::vector<TensorSpec> specs = tensor_specs(decoder.config());
    for (std::size_t i = 0; const NamedTensor& parameter : decoder.parameters()) {
        const TensorSpec& spec = specs.at(i++);
        if (const auto input = input_of(spec.role))
            maps.push_back({parameter.name, spec.layer, *input, spec.transposed});
    }
    return maps;
}

at::Tensor block_with_inputs(const Decoder& decoder, std::int64_t layer, const at::Tensor& hidden,
                             const Context& context, const InputVisitor& visit) {
    NEPENTHE_CHECK(decoder.side_memory() == nullptr);
    const DecoderConfig& config = decoder.config();
    const LayerWeights weights = layer_weights(decoder, layer);
    const at::Tensor attention_input = block_attention_input(config, weights, hidden);
    if (!visit(MapInput::kQkv, attention_input)) return {};
    const at::Tensor attention_key = block_attention_key(config, weights, layer, attention_input, context);
    if (!visit(MapInput::kO, attention_key)) return {};
    const at::Tensor stream = block_after_attention_key(config, weights, hidden, attention_key);
    const at::Tensor mlp_input = block_mlp_input(config, weights, hidden, stream);
    if (!visit(MapInput::kUp, mlp_input)) return {};
    const at::Tensor key = block_expand(config, weights, mlp_input);
    if (!visit(MapInput::kDown, key)) return {};
    return block_after_mlp(config, weights, stream, block_mlp_output(weights, key));
}

}  // namespace nepenthe::model
