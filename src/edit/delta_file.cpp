#include "edit/delta_file.h"

#include "base/error.h"
#include "base/json_whole.h"
#include "io/safetensors.h"
#include "model/tensor_bytes.h"

#include <torch/types.h>

#include <algorithm>

namespace nepenthe::edit {

namespace fs = std::filesystem;

void write_deltas(const fs::path& path, const std::vector<Delta>& deltas, const model::Decoder& decoder) {
    std::vector<io::TensorToWrite> tensors;
    std::vector<at::Tensor> alive;
    alive.reserve(2 * deltas.size());
    Json changes = Json::array();
    const auto add = [&](const std::string& name, const at::Tensor& tensor) {
        alive.push_back(tensor.to(at::kFloat).contiguous());
        tensors.push_back({name, io::DType::kF32, alive.back().sizes().vec(), model::bytes_of(alive.back())});
    };
    for (std::size_t i = 0; i < deltas.size(); ++i) {
        const Delta& delta = deltas[i];
        changes.push_back({{"tensor", delta.tensor},
                           {"layer", delta.layer},
                           {"transposed", decoder.stores_transposed(delta.tensor)},
                           {"norm", delta.norm},
                           {"weight_norm", delta.weight_norm},
                           {"first_unit", delta.first_unit},
                           {"units", delta.units}});
        if (!delta.update.right.defined()) continue;  // norms alone were kept
        const std::string prefix = fmt::format("{:06}", i);
        if (delta.update.left.defined()) {
            add(prefix + ".left", delta.update.left);
            add(prefix + ".right", delta.update.right);
        } else {
            add(prefix + ".full", delta.update.right);
        }
    }
    io::write_safetensors(path, tensors, {{"format", "nepenthe.deltas"}, {"changes", canonical_json(changes)}});
}

std::vector<Delta> read_deltas(const fs::path& path) {
    const io::SafetensorsFile file(path);
    const auto listed = file.metadata().find("changes");
    if (listed == file.metadata().end()) fail(ErrorKind::kData, "{}: its header lists no changes", path.string());
    const Json changes = parse_json(listed->second, path.string());
    const auto find = [&](const std::string& name) {
        const auto found = file.tensors().find(name);
        return found == file.tensors().end() ? at::Tensor() : model::tensor_from_bytes(found->second, at::kDouble);
    };
    std::vector<Delta> deltas;
    for (std::size_t i = 0; i < changes.size(); ++i) {
        const Json& change = changes[i];
        Delta delta;
        try {
            change.at("tensor").get_to(delta.tensor);
            delta.layer = json_whole<decltype(delta.layer)>(change.at("layer"));
            change.at("norm").get_to(delta.norm);
            change.at("weight_norm").get_to(delta.weight_norm);
            delta.first_unit = json_whole<decltype(delta.first_unit)>(change.at("first_unit"));
            delta.units = json_whole<decltype(delta.units)>(change.at("units"));
        } catch (const Json::exception& error) {
            fail(ErrorKind::kData, "{}: change {}: {}", path.string(), i, error.what());
        }
        const std::string prefix = fmt::format("{:06}", i);
        delta.update = {find(prefix + ".left"), find(prefix + ".right")};
        if (!delta.update.right.defined()) delta.update.right = find(prefix + ".full");
        deltas.push_back(std::move(delta));
    }
    return deltas;
}

void write_undo(const fs::path& path, const fs::path& source, const std::vector<std::string>& tensors) {
    const io::Checkpoint checkpoint = io::open_checkpoint(source);
    std::vector<io::TensorToWrite> kept;
    for (const std::string& name : tensors) {
        const io::TensorView* view = checkpoint.find(name);
        if (view == nullptr) fail(ErrorKind::kData, "{}: there is no tensor {}", source.string(), name);
        kept.push_back({name, view->dtype, view->shape, view->bytes});
    }
    io::write_safetensors(path, kept, {{"format", "nepenthe.undo"}});
}

void restore_tensors(const fs::path& path, model::Decoder& decoder) {
    const io::SafetensorsFile file(path);
    const auto parameters = decoder.parameters();
    const at::NoGradGuard no_grad;
    for (const auto& [name, view] : file.tensors()) {
        const auto found = std::ranges::find(parameters, name, &model::NamedTensor::name);
        if (found == parameters.end() || found->tensor.sizes().vec() != view.shape) {
            fail(ErrorKind::kData, "{}: tensor {} does not belong to this model", path.string(), name);
        }
        found->tensor.copy_(model::tensor_from_bytes(view, at::kFloat));
    }
}

}  // namespace nepenthe::edit
