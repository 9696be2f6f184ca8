#include "model/weights.h"

#include "base/error.h"
#include "base/random.h"
#include "io/safetensors.h"
#include "model/checkpoint_layout.h"
#include "model/tensor_bytes.h"

#include <fmt/ranges.h>

#include <ATen/Parallel.h>
#include <torch/types.h>

#include <algorithm>
#include <cmath>

namespace nepenthe::model {

namespace {

constexpr double kInitialDeviation = 0.02;  // GPT-2's, and every family's since

void assign_layer(LayerWeights& layer, const TensorSpec& spec, const at::Tensor& tensor) {
    const auto projection = [&](Projection& target) {
        target.weight = tensor;
        target.transposed = spec.transposed;
    };
    switch (spec.role) {
        case Role::kAttentionNorm: layer.attention_norm.weight = tensor; break;
        case Role::kAttentionNormBias: layer.attention_norm.bias = tensor; break;
        case Role::kAttentionPostNorm: layer.attention_post_norm.weight = tensor; break;
        case Role::kMlpNorm: layer.mlp_norm.weight = tensor; break;
        case Role::kMlpNormBias: layer.mlp_norm.bias = tensor; break;
        case Role::kMlpPostNorm: layer.mlp_post_norm.weight = tensor; break;
        case Role::kQuery: projection(layer.query); break;
        case Role::kQueryBias: layer.query.bias = tensor; break;
        case Role::kKey: projection(layer.key); break;
        case Role::kKeyBias: layer.key.bias = tensor; break;
        case Role::kValue: projection(layer.value); break;
        case Role::kValueBias: layer.value.bias = tensor; break;
        case Role::kQkv: projection(layer.qkv); break;
        case Role::kQkvBias: layer.qkv.bias = tensor; break;
        case Role::kQueryNorm: layer.query_norm.weights.push_back(tensor); break;
        case Role::kQueryNormBias: layer.query_norm.bias = tensor; break;
        case Role::kKeyNorm: layer.key_norm.weights.push_back(tensor); break;
        case Role::kKeyNormBias: layer.key_norm.bias = tensor; break;
        case Role::kAttentionOutput: projection(layer.attention_output); break;
        case Role::kAttentionOutputBias: layer.attention_output.bias = tensor; break;
        case Role::kGate: projection(layer.gate); break;
        case Role::kGateBias: layer.gate.bias = tensor; break;
        case Role::kUp: projection(layer.up); break;
        case Role::kUpBias: layer.up.bias = tensor; break;
        case Role::kGateUp: projection(layer.gate_up); break;
        case Role::kActivationPositive: layer.activation_positive = tensor; break;
        case Role::kActivationNegative: layer.activation_negative = tensor; break;
        case Role::kDown: projection(layer.down); break;
        case Role::kDownBias: layer.down.bias = tensor; break;
        default: NEPENTHE_CHECK(false);
    }
}

void assign(Weights& weights, const TensorSpec& spec, const at::Tensor& tensor) {
    if (spec.layer >= 0) {
        assign_layer(weights.layers[static_cast<std::size_t>(spec.layer)], spec, tensor);
        return;
    }
    switch (spec.role) {
        case Role::kEmbedding: weights.embedding = tensor; break;
        case Role::kEmbeddingNorm: weights.embedding_norm.weight = tensor; break;
        case Role::kEmbeddingNormBias: weights.embedding_norm.bias = tensor; break;
        case Role::kPositions: weights.positions = tensor; break;
        case Role::kFinalNorm: weights.final_norm.weight = tensor; break;
        case Role::kFinalNormBias: weights.final_norm.bias = tensor; break;
        case Role::kHead: weights.head = tensor; break;
        case Role::kHeadBias: weights.head_bias = tensor; break;
        default: NEPENTHE_CHECK(false);
    }
}

Weights arrange(const DecoderConfig& config, std::vector<TensorSpec> specs, std::vector<at::Tensor> tensors) {
    Weights weights;
    weights.layers.resize(static_cast<std::size_t>(config.layers));
    for (std::size_t i = 0; i < specs.size(); ++i) {
        assign(weights, specs[i], tensors[i]);
        weights.index.emplace(specs[i].name, i);
    }
    if (config.tied) {
        weights.head = weights.embedding;
    }
    weights.specs = std::move(specs);
    weights.tensors = std::move(tensors);
    return weights;
}

void check_tensor(const io::TensorView* view, const TensorSpec& spec, Problems& problems) {
    if (view == nullptr) {
        return;  // reported already
    }
    if (view->shape != spec.shape) {
        problems.add("tensor \"{}\" is [{}], config.json asks for [{}]", spec.name, fmt::join(view->shape, ", "),
                     fmt::join(spec.shape, ", "));
    } else if (!floating_type(view->dtype).has_value()) {
        problems.add("tensor \"{}\" is stored as {}, weights must be floating point", spec.name,
                     io::dtype_name(view->dtype));
    } else if (const auto bad = first_non_finite(*view); bad.has_value()) {
        problems.add("tensor \"{}\" holds a NaN or infinity at element {}", spec.name, *bad);
    }
}

double deviation(const TensorSpec& spec, const DecoderConfig& config) {
    const bool residual = spec.role == Role::kAttentionOutput || spec.role == Role::kDown;
    return residual ? kInitialDeviation / std::sqrt(2.0 * static_cast<double>(config.layers)) : kInitialDeviation;
}

// Values are a function of (seed, tensor, block of elements), so that threads may share the work.
void draw_normal(at::Tensor& tensor, std::uint64_t seed, std::uint64_t tensor_number, double scale) {
    constexpr std::int64_t kBlock = 4096;
    float* data = tensor.mutable_data_ptr<float>();
    const std::int64_t count = tensor.numel();
    at::parallel_for(0, (count + kBlock - 1) / kBlock, 1, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t block = begin; block < end; ++block) {
            RandomStream stream(seed, "model.create", (tensor_number << 32) | static_cast<std::uint64_t>(block));
            for (std::int64_t i = block * kBlock; i < std::min(count, (block + 1) * kBlock); ++i) {
                data[i] = static_cast<float>(scale * stream.normal());
            }
        }
    });
}

// What all elements of a fresh tensor are; nothing where they are drawn.
std::optional<double> initial_value(const TensorSpec& spec, const DecoderConfig& config) {
    switch (spec.role) {
        case Role::kEmbeddingNorm:
        case Role::kFinalNorm:
        case Role::kAttentionNorm:
        case Role::kAttentionPostNorm:
        case Role::kMlpNorm:
        case Role::kMlpPostNorm: return is_one_plus(config.norm) ? 0.0 : 1.0;
        case Role::kQueryNorm:
        case Role::kKeyNorm: return is_one_plus(config.qk_norm_kind) ? 0.0 : 1.0;
        // Both slopes of xIELU begin at 0.8.
        case Role::kActivationPositive: return std::log(std::expm1(0.8));
        case Role::kActivationNegative: return std::log(std::expm1(0.8 - 0.5));
        default: return spec.shape.size() == 1 ? std::optional(0.0) : std::nullopt;
    }
}

}  // namespace

at::Tensor HeadNormWeights::weight() const { return weights.size() == 1 ? weights.front() : at::stack(weights); }

std::vector<at::Tensor> LayerWeights::all() const {
    std::vector<at::Tensor> tensors;
    const auto add = [&](const at::Tensor& tensor) {
        if (tensor.defined()) {
            tensors.push_back(tensor);
        }
    };
    for (const Norm* norm : {&attention_norm, &attention_post_norm, &mlp_norm, &mlp_post_norm}) {
        add(norm->weight);
        add(norm->bias);
    }
    for (const Projection* projection : {&query, &key, &value, &qkv, &attention_output, &gate, &up, &gate_up, &down}) {
        add(projection->weight);
        add(projection->bias);
    }
    for (const HeadNormWeights* norm : {&query_norm, &key_norm}) {
        for (const at::Tensor& weight : norm->weights) add(weight);
        add(norm->bias);
    }
    for (const at::Tensor& weight : {activation_positive, activation_negative}) add(weight);
    return tensors;
}

Weights load_weights(DecoderConfig& config, const std::filesystem::path& folder, at::ScalarType dtype,
                     at::Device device) {
    const io::Checkpoint checkpoint = io::open_checkpoint(folder);
    Problems problems;
    auto [specs, tied, head_copy] = read_layout(config, checkpoint, problems);
    config.tied = tied;
    for (const TensorSpec& spec : specs) {
        check_tensor(checkpoint.find(spec.name), spec, problems);
    }
    problems.throw_if_any(ErrorKind::kData, fmt::format("{}: the weights do not fit the {} configuration",
                                                        folder.string(), config.family));
    std::vector<at::Tensor> tensors;
    tensors.reserve(specs.size());
    for (const TensorSpec& spec : specs) {
        tensors.push_back(tensor_from_bytes(*checkpoint.find(spec.name), dtype).to(device));
    }
    return arrange(config, std::move(specs), std::move(tensors));
}

Weights copy_weights(const DecoderConfig& config, const Weights& weights, at::ScalarType dtype) {
    std::vector<at::Tensor> tensors;
    for (const at::Tensor& tensor : weights.tensors) {
        tensors.push_back(tensor.detach().to(dtype, /*non_blocking=*/false, /*copy=*/true));
    }
    return arrange(config, weights.specs, std::move(tensors));
}

LayerWeights layer_weights(const Decoder& decoder, std::int64_t layer) {
    LayerWeights weights;
    // In the same order; names may lack the family's prefix in the checkpoint.
    const std::vector<TensorSpec> specs = tensor_specs(decoder.config());
    for (std::size_t i = 0; const NamedTensor& parameter : decoder.parameters()) {
        if (const TensorSpec& spec = specs.at(i++); spec.layer == layer) assign_layer(weights, spec, parameter.tensor);
    }
    return weights;
}

Weights create_weights(const DecoderConfig& config, std::uint64_t seed, at::ScalarType dtype, at::Device device) {
    std::vector<TensorSpec> specs = tensor_specs(config);
    std::vector<at::Tensor> tensors;
    for (std::size_t i = 0; i < specs.size(); ++i) {
        at::Tensor tensor = at::zeros(specs[i].shape, at::TensorOptions().dtype(at::kFloat));
        if (const std::optional<double> value = initial_value(specs[i], config); value.has_value()) {
            tensor.fill_(*value);
        } else {
            draw_normal(tensor, seed, i, deviation(specs[i], config));
        }
        tensors.push_back(tensor.to(dtype).to(device));
    }
    return arrange(config, std::move(specs), std::move(tensors));
}

}  // namespace nepenthe::model
