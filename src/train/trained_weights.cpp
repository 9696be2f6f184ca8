#include "train/trained_weights.h"

#include "base/error.h"
#include "model/family/families.h"

#include <torch/types.h>

#include <fmt/ranges.h>

#include <algorithm>

namespace nepenthe::train {

void require_modules(const model::DecoderConfig& config, const std::vector<std::string>& wanted) {
    const std::vector<model::TensorSpec> specs = model::tensor_specs(config);
    std::vector<std::string> there;
    for (const std::string& module : model::module_names()) {
        if (std::ranges::any_of(specs, [&](const auto& spec) { return model::module_of(spec.role) == module; }))
            there.push_back(module);
    }
    Problems problems;
    for (const std::string& module : wanted) {
        if (std::ranges::find(there, module) != there.end()) continue;
        problems.add("this model has no module \"{}\" to be left as it is; it has {}", module, fmt::join(there, ", "));
    }
    problems.throw_if_any(ErrorKind::kUsage, "frozen modules");
}

TrainedWeights::TrainedWeights(const model::Decoder& decoder, const Objective& objective, std::int64_t bucket_bytes,
                               int ranks, const std::vector<std::string>& frozen) {
    std::vector<ParameterShape> shapes;
    const std::vector<model::TensorSpec> specs = model::tensor_specs(decoder.config());  // in the same order
    require_modules(decoder.config(), frozen);
    for (std::size_t i = 0; const auto& [name, tensor] : decoder.parameters()) {
        const model::Role role = specs.at(i++).role;
        if (!objective.trains(name) || std::ranges::find(frozen, model::module_of(role)) != frozen.end()) continue;
        // Heads with a weight each have their norms' in a matrix.
        const bool norm = role == model::Role::kQueryNorm || role == model::Role::kKeyNorm;
        shapes.push_back({name, tensor.numel(), tensor.dim() > 1 && !norm});
    }
    if (shapes.empty()) fail(ErrorKind::kUsage, "no weight of this model may move");
    layout_ = make_layout(shapes, bucket_bytes / static_cast<std::int64_t>(sizeof(float)), ranks);
    for (const FlatParameter& parameter : layout_.parameters) {
        tensors_.push_back(decoder.parameter(parameter.name));
        tensors_.back().requires_grad_(true);
    }
}

TrainedWeights::~TrainedWeights() {
    for (at::Tensor& tensor : tensors_) tensor.requires_grad_(false);
}

at::Tensor TrainedWeights::shard(int rank) const {
    const at::NoGradGuard no_gradients;
    at::Tensor out = at::zeros({layout_.shard_numel()}, at::kFloat);
    for (std::size_t bucket = 0; bucket < layout_.buckets.size(); ++bucket) {
        for (const FlatRange& range : owned_ranges(layout_, bucket, rank)) {
            out.narrow(0, range.shard_begin, range.numel)
                .copy_(tensors_[range.parameter].flatten().narrow(0, range.parameter_begin, range.numel));
        }
    }
    return out;
}

at::Tensor moving_shard(const FlatLayout& layout, const MovingWeights& moving, int rank) {
    if (!moving) return {};
    at::Tensor out = at::zeros({layout.shard_numel()}, at::kBool);
    static_assert(sizeof(bool) == 1);
    auto* begin = reinterpret_cast<std::uint8_t*>(out.mutable_data_ptr<bool>());
    for (std::size_t bucket = 0; bucket < layout.buckets.size(); ++bucket) {
        for (const FlatRange& range : owned_ranges(layout, bucket, rank)) {
            moving.read(layout.parameters[range.parameter].name, range.parameter_begin,
                        {begin + range.shard_begin, static_cast<std::size_t>(range.numel)});
        }
    }
    return out;
}

}  // namespace nepenthe::train
