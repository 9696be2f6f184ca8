#include "model/side_memory.h"

#include "base/error.h"
#include "io/file.h"
#include "io/safetensors.h"
#include "model/gated_activation.h"
#include "model/linear.h"
#include "model/tensor_bytes.h"

#include <fmt/ranges.h>

#include <torch/types.h>

#include <cmath>

namespace nepenthe::model {

namespace {

constexpr const char* kFormat = "nepenthe.side_memory";
constexpr int kVersion = 1;
constexpr std::size_t kMostAlternatives = 1024;
constexpr std::int64_t kLongText = 100;  // tokens, beyond which the published code takes the largest distance

std::string tensor_name(std::size_t alternative) { return fmt::format("alternative.{}", alternative); }

// `mask` without each row's first token, where the row has others.
at::Tensor without_first(const at::Tensor& mask) {
    const at::Tensor number = mask.to(at::kLong).cumsum(1);  // of real tokens so far
    const at::Tensor alone = number.narrow(1, number.size(1) - 1, 1).le(1);
    return mask.logical_and(number.gt(1).logical_or(alone));
}

// Which memory answers each sequence: [batch] int64.
at::Tensor decide(const DecoderConfig& config, const SideMemory& memory, const Projection& main, const at::Tensor& key,
                  const at::Tensor& output, const at::Tensor& deciding) {
    const at::NoGradGuard no_grad;
    NEPENTHE_CHECK(deciding.defined() && deciding.size(0) == key.size(0) && deciding.size(1) == key.size(1));
    const std::int64_t rows = key.size(0);
    at::Tensor route = at::zeros({rows}, deciding.options().dtype(at::kLong));
    at::Tensor farthest = at::full({rows}, -1.0, output.options().dtype(at::kFloat));
    for (std::size_t i = 0; i < memory.alternatives.size(); ++i) {
        const SideMemory::Alternative& alternative = memory.alternatives[i];
        const at::Tensor other = linear(key, alternative.weight, main.bias, main.transposed);
        const at::Tensor distance =
            pooled_distances(memory.pooling, token_distances(config, memory.distance, other, output), deciding);
        const at::Tensor better = distance.ge(alternative.threshold * memory.ratio).logical_and(distance.gt(farthest));
        route.masked_fill_(better, static_cast<std::int64_t>(i) + 1);
        farthest = at::where(better, distance, farthest);
    }
    return route;
}

// The decision of an earlier pass, or this one's.
at::Tensor route_of(const DecoderConfig& config, const SideMemory& memory, const Projection& main,
                    const at::Tensor& key, const at::Tensor& output, const Context& context) {
    KvCache* cache = context.cache;
    if (cache != nullptr && context.past > 0 && cache->route.defined()) {
        return cache->route;
    }
    at::Tensor route = decide(config, memory, main, key, output, context.deciding);
    if (cache != nullptr && !cache->frozen()) {
        cache->route = route;
    }
    return route;
}

SideDistance parse_distance(const std::string& name, Problems& problems) {
    if (name == "activated") return SideDistance::kActivated;
    if (name != "linear") problems.add("the distance \"{}\" is not known", name);
    return SideDistance::kLinear;
}

SidePooling parse_pooling(const std::string& name, Problems& problems) {
    if (name == "published") return SidePooling::kPublished;
    if (name != "mean") problems.add("the pooling \"{}\" is not known", name);
    return SidePooling::kMean;
}

template <typename Value>
Value required(const Json& json, const char* name, bool (Json::*fits)() const noexcept, Value fallback,
               Problems& problems) {
    const auto found = json.find(name);
    if (found == json.end() || !(*found.*fits)()) {
        problems.add("\"{}\" is missing or of another type", name);
        return fallback;
    }
    return found->get<Value>();
}

SideMemory parse_description(const Json& json, const std::filesystem::path& path) {
    Problems problems;
    SideMemory memory;
    if (!json.is_object() || json.value("format", Json()) != kFormat ||
        json.value("format_version", Json()) != kVersion) {
        fail(ErrorKind::kData, "{}: not a side memory of version {}", path.string(), kVersion);
    }
    memory.layer = required<std::int64_t>(json, "layer", &Json::is_number_integer, 0, problems);
    memory.ratio = required<double>(json, "ratio", &Json::is_number, 0.0, problems);
    memory.distance =
        parse_distance(required<std::string>(json, "distance", &Json::is_string, "linear", problems), problems);
    memory.pooling =
        parse_pooling(required<std::string>(json, "pooling", &Json::is_string, "mean", problems), problems);
    memory.source = json.value("source", Json());
    const Json thresholds = json.value("thresholds", Json());
    if (!thresholds.is_array() || thresholds.empty() || thresholds.size() > kMostAlternatives) {
        problems.add("\"thresholds\" is not a list of 1 to {} numbers", kMostAlternatives);
    } else {
        for (const Json& threshold : thresholds) {
            if (!threshold.is_number()) problems.add("a threshold is {}", threshold.dump().substr(0, 40));
            memory.alternatives.push_back({{}, threshold.is_number() ? threshold.get<double>() : 0.0});
        }
    }
    problems.throw_if_any(ErrorKind::kData, path.string());
    return memory;
}

}  // namespace

at::Tensor token_distances(const DecoderConfig& config, SideDistance distance, const at::Tensor& alternative,
                           const at::Tensor& main) {
    const at::Tensor difference = distance == SideDistance::kLinear
                                      ? alternative.to(at::kFloat) - main.to(at::kFloat)
                                      : activate(alternative, config.activation).to(at::kFloat) -
                                            activate(main, config.activation).to(at::kFloat);
    return at::linalg_vector_norm(difference, 2, {-1});
}

at::Tensor pooled_distances(SidePooling pooling, const at::Tensor& distances, const at::Tensor& mask) {
    const at::Tensor counted = pooling == SidePooling::kMean ? without_first(mask) : mask;
    // Not a product with the mask: whatever stands at padding must not reach the sum.
    const at::Tensor kept = distances.masked_fill(counted.logical_not(), 0.0);
    const at::Tensor count = counted.sum(1);
    const at::Tensor mean = kept.sum(1) / count.clamp_min(1);
    if (pooling == SidePooling::kMean) return mean;
    return at::where(count.gt(kLongText), kept.amax(1), mean);
}

at::Tensor routed_output(const DecoderConfig& config, const SideMemory& memory, const Projection& main,
                         const at::Tensor& key, const Context& context) {
    at::Tensor output = linear(key, main.weight, main.bias, main.transposed);
    const at::Tensor route = route_of(config, memory, main, key, output, context);
    for (std::size_t i = 0; i < memory.alternatives.size(); ++i) {
        const at::Tensor rows = route.eq(static_cast<std::int64_t>(i) + 1).nonzero().squeeze(1);
        if (rows.numel() == 0) continue;
        output = output.index_copy(
            0, rows, linear(key.index_select(0, rows), memory.alternatives[i].weight, main.bias, main.transposed));
    }
    return output;
}

void check_side_memory(const SideMemory& memory, std::int64_t layers, const at::Tensor& main) {
    Problems problems;
    if (memory.layer < 0 || memory.layer >= layers) {
        fail(ErrorKind::kData, "the side memory belongs to layer {}, the model has {}", memory.layer, layers);
    }
    if (!std::isfinite(memory.ratio) || memory.ratio <= 0) problems.add("the ratio is {}", memory.ratio);
    for (std::size_t i = 0; i < memory.alternatives.size(); ++i) {
        const auto& [weight, threshold] = memory.alternatives[i];
        if (!(threshold >= 0)) problems.add("the threshold of alternative {} is {}", i, threshold);
        if (!weight.defined() || weight.sizes() != main.sizes()) {
            problems.add("alternative {} is not [{}] like the matrix it stands beside", i,
                         fmt::join(main.sizes(), ", "));
        } else if (weight.scalar_type() != main.scalar_type() || weight.device() != main.device()) {
            problems.add("alternative {} is of another type or device than the model", i);
        } else if (!weight.isfinite().all().item<bool>()) {
            problems.add("alternative {} holds a NaN or infinity", i);
        }
    }
    problems.throw_if_any(ErrorKind::kData, "the side memory does not fit the model");
}

bool is_side_memory_file(const std::string& name) {
    return name == kSideMemoryWeights || name == kSideMemoryDescription;
}

bool holds_side_memory(const std::filesystem::path& folder) {
    std::error_code ignored;
    return std::filesystem::exists(folder / kSideMemoryDescription, ignored) ||
           std::filesystem::exists(folder / kSideMemoryWeights, ignored);
}

SideMemory load_side_memory(const std::filesystem::path& folder, at::ScalarType dtype, at::Device device) {
    const std::filesystem::path path = folder / kSideMemoryDescription;
    constexpr std::size_t kMostBytes = 64u << 20;
    SideMemory memory = parse_description(parse_json(io::read_file(path, kMostBytes), path.string()), path);
    const io::SafetensorsFile file(io::MappedFile(folder, kSideMemoryWeights));
    Problems problems;
    for (std::size_t i = 0; i < memory.alternatives.size(); ++i) {
        const auto found = file.tensors().find(tensor_name(i));
        if (found == file.tensors().end() || !floating_type(found->second.dtype)) {
            problems.add("no floating-point tensor \"{}\"", tensor_name(i));
        } else {
            memory.alternatives[i].weight = tensor_from_bytes(found->second, dtype).to(device);
        }
    }
    if (file.tensors().size() != memory.alternatives.size()) {
        problems.add("{} tensors for {} thresholds", file.tensors().size(), memory.alternatives.size());
    }
    problems.throw_if_any(ErrorKind::kData, (folder / kSideMemoryWeights).string());
    return memory;
}

Json describe_side_memory(const SideMemory& memory) {
    Json thresholds = Json::array();
    for (const SideMemory::Alternative& alternative : memory.alternatives) thresholds.push_back(alternative.threshold);
    return {{"format", kFormat},
            {"format_version", kVersion},
            {"layer", memory.layer},
            {"ratio", memory.ratio},
            {"distance", memory.distance == SideDistance::kLinear ? "linear" : "activated"},
            {"pooling", memory.pooling == SidePooling::kMean ? "mean" : "published"},
            {"thresholds", thresholds},
            {"source", memory.source}};
}

void save_side_memory(const SideMemory& memory, const std::filesystem::path& folder) {
    std::vector<at::Tensor> hosts;  // keeps the bytes alive
    std::vector<io::TensorToWrite> tensors;
    for (std::size_t i = 0; i < memory.alternatives.size(); ++i) {
        hosts.push_back(memory.alternatives[i].weight.detach().to(at::kCPU, at::kFloat).contiguous());
        tensors.push_back({tensor_name(i), io::DType::kF32, hosts.back().sizes().vec(), bytes_of(hosts.back())});
    }
    io::write_safetensors(folder / kSideMemoryWeights, tensors, {{"format", "pt"}});
    io::write_file_atomically(folder / kSideMemoryDescription, describe_side_memory(memory).dump(2) + "\n");
}

}  // namespace nepenthe::model
