#include "unlearn/best_weights.h"

#include "base/error.h"
#include "io/file.h"
#include "io/safetensors.h"

#include <ATen/ATen.h>

#include <cstring>

namespace nepenthe::unlearn {

namespace {

io::DType stored_type(const at::Tensor& tensor) {
    return tensor.scalar_type() == at::kBFloat16 ? io::DType::kBF16 : io::DType::kF32;
}

}  // namespace

std::filesystem::path weights_path(const std::filesystem::path& folder, std::int64_t step) {
    return folder / fmt::format("best-{:08}.safetensors", step);
}

void save_weights(const model::Decoder& decoder, std::int64_t step, const std::filesystem::path& folder) {
    const std::filesystem::path path = weights_path(folder, step);
    std::vector<at::Tensor> held;
    std::vector<io::TensorToWrite> tensors;
    for (const auto& parameter : decoder.parameters()) {
        const at::Tensor& tensor = held.emplace_back(parameter.tensor.detach().to(at::kCPU).contiguous());
        tensors.push_back({parameter.name,
                           stored_type(tensor),
                           tensor.sizes().vec(),
                           {static_cast<const std::byte*>(tensor.const_data_ptr()), tensor.nbytes()}});
    }
    std::filesystem::path temporary = path;
    temporary += ".tmp";
    io::write_safetensors(temporary, tensors, {{"step", std::to_string(step)}});
    std::filesystem::rename(temporary, path);
    io::sync_path(folder);
}

void load_weights(model::Decoder& decoder, std::int64_t step, const std::filesystem::path& folder) {
    const std::filesystem::path path = weights_path(folder, step);
    const io::SafetensorsFile file(path);
    const auto stored_step = file.metadata().find("step");
    if (stored_step == file.metadata().end() || stored_step->second != std::to_string(step)) {
        fail(ErrorKind::kData, "{} does not hold the weights of step {}; remove the run's work folder and start again",
             path.string(), step);
    }
    const at::NoGradGuard no_gradients;
    for (const auto& parameter : decoder.parameters()) {
        const auto found = file.tensors().find(parameter.name);
        at::Tensor target = parameter.tensor;
        if (found == file.tensors().end() || found->second.bytes.size() != target.nbytes() ||
            found->second.dtype != stored_type(target)) {
            fail(ErrorKind::kData, "{}: {} does not fit this model", path.string(), parameter.name);
        }
        const at::Tensor read = at::empty(target.sizes(), at::TensorOptions().dtype(target.scalar_type()));
        std::memcpy(read.mutable_data_ptr(), found->second.bytes.data(), found->second.bytes.size());
        target.copy_(read);
    }
}

void keep_weights(const std::set<std::int64_t>& steps, const std::filesystem::path& folder) {
    std::set<std::filesystem::path> kept;
    for (const std::int64_t step : steps) kept.insert(weights_path(folder, step));
    std::vector<std::filesystem::path> doomed;
    for (const auto& entry : std::filesystem::directory_iterator(folder)) {
        if (entry.path().filename().string().starts_with("best-") && !kept.contains(entry.path()))
            doomed.push_back(entry.path());
    }
    for (const std::filesystem::path& path : doomed) std::filesystem::remove(path);
}

}  // namespace nepenthe::unlearn
