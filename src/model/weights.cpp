#include "model/weights.h"

#include "base/error.h"
#include "base/random.h"
#include "io/safetensors.h"
#include "model/checkpoint_layout.h"
#include "model/tensor_bytes.h"

#include <fmt/ranges.h>

#include <ATen/Parallel.h>
#include <torch/types.h>

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
        case Role::kQueryNorm: layer.query_norm = tensor; break;
        case Role::kKeyNorm: layer.key_norm = tensor; break;
        case Role::kAttentionOutput: projection(layer.attention_output); break;
        case Role::kAttentionOutputBias: layer.attention_output.bias = tensor; break;
        case Role::kGate: projection(layer.gate); break;
        case Role::kGateBias: layer.gate.bias = tensor; break;
        case Role::kUp: projection(layer.up); break;
        case Role::kUpBias: layer.up.bias = tensor; break;
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

enum class Initial { kNormal, kZero, kNormWeight };

Initial initial_of(const TensorSpec& spec) {
    switch (spec.role) {
        case Role::kFinalNorm:
        case Role::kAttentionNorm:
        case Role::kAttentionPostNorm:
        case Role::kMlpNorm:
        case Role::kMlpPostNorm:
        case Role::kQueryNorm:
        case Role::kKeyNorm: return Initial::kNormWeight;
        default: return spec.shape.size() == 1 ? Initial::kZero : Initial::kNormal;
    }
}

}  // namespace

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
    for (const Projection* projection : {&query, &key, &value, &qkv, &attention_output, &gate, &up, &down}) {
        add(projection->weight);
        add(projection->bias);
    }
    add(query_norm);
    add(key_norm);
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

Weights create_weights(const DecoderConfig& config, std::uint64_t seed, at::ScalarType dtype, at::Device device) {
    std::vector<TensorSpec> specs = tensor_specs(config);
    std::vector<at::Tensor> tensors;
    for (std::size_t i = 0; i < specs.size(); ++i) {
        at::Tensor tensor = at::zeros(specs[i].shape, at::TensorOptions().dtype(at::kFloat));
        const Initial initial = initial_of(specs[i]);
        if (initial == Initial::kNormal) {
            draw_normal(tensor, seed, i, deviation(specs[i], config));
        } else if (initial == Initial::kNormWeight && config.norm != NormKind::kRmsOnePlus) {
            tensor.fill_(1.0);
        }
        tensors.push_back(tensor.to(dtype).to(device));
    }
    return arrange(config, std::move(specs), std::move(tensors));
}

}  // namespace nepenthe::model
