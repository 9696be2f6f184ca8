#include "model/checkpoint_io.h"

#include "base/error.h"
#include "io/file.h"
#include "io/safetensors.h"
#include "model/checkpoint_layout.h"
#include "model/model_files.h"
#include "model/side_memory.h"
#include "model/tensor_bytes.h"

#include <torch/types.h>

#include <cstring>
#include <map>
#include <set>

namespace nepenthe::model {

namespace {

namespace fs = std::filesystem;

void copy_side_files(const fs::path& source, const fs::path& target) {
    for (const fs::directory_entry& entry : fs::directory_iterator(source)) {
        const fs::path& file = entry.path();
        if (!entry.is_regular_file() || !is_side_file(file.filename().string())) continue;
        std::error_code error;
        const fs::path copy = target / file.filename();
        // A save that was cut off left some of them here.
        fs::copy_file(file, copy, fs::copy_options::overwrite_existing, error);
        if (error) {
            fail(ErrorKind::kInputOutput, "cannot copy {} to {}: {}", file.string(), copy.string(), error.message());
        }
        io::sync_path(copy);
    }
}

// Whether the source's bytes, converted as when loading, are the tensor as it is now.
bool is_untouched(const io::TensorView& stored, const at::Tensor& now) {
    const at::Tensor loaded = tensor_from_bytes(stored, now.scalar_type());
    return loaded.nbytes() == now.nbytes() &&
           std::memcmp(loaded.const_data_ptr(), now.const_data_ptr(), now.nbytes()) == 0;
}

// The decoder's tensors by checkpoint name.
class SavedTensors {
  public:
    // `head_copy`: the name under which the source repeats a tied embedding, or "".
    SavedTensors(const Decoder& decoder, const std::string& head_copy) {
        for (const NamedTensor& parameter : decoder.parameters()) {
            tensors_.emplace(parameter.name, parameter.tensor);
        }
        if (!head_copy.empty()) tensors_.emplace(head_copy, decoder.unembedding());
    }
    // Undefined for what the decoder does not hold: buffers, parts for other modalities.
    at::Tensor find(const std::string& name) const {
        const auto found = tensors_.find(name);
        return found == tensors_.end() ? at::Tensor() : found->second;
    }

  private:
    std::map<std::string, at::Tensor> tensors_;
};

at::Tensor on_host(const at::Tensor& tensor) { return tensor.detach().to(at::kCPU).contiguous(); }

// One shard in the source's order; tensors that changed are rounded once to the source's dtype.
void write_shard(const io::SafetensorsFile& source, const SavedTensors& saved, const fs::path& path) {
    std::vector<io::TensorToWrite> tensors;
    std::vector<at::Tensor> converted;  // keeps the bytes alive
    for (const std::string& name : source.order()) {
        const io::TensorView& stored = source.tensors().at(name);
        io::TensorToWrite tensor{name, stored.dtype, stored.shape, stored.bytes};
        if (const at::Tensor now = saved.find(name); now.defined()) {
            const at::Tensor host = on_host(now);
            if (!is_untouched(stored, host)) {
                converted.push_back(host.to(*floating_type(stored.dtype)));
                tensor.bytes = bytes_of(converted.back());
            }
        }
        tensors.push_back(std::move(tensor));
    }
    io::write_safetensors(path, tensors, source.metadata());
}

// A source that lacks a tensor of the model, or holds it in another shape, is not where the model came from.
void check_source(const Decoder& decoder, const io::Checkpoint& source) {
    Problems problems;
    for (const NamedTensor& parameter : decoder.parameters()) {
        const io::TensorView* stored = source.find(parameter.name);
        if (stored == nullptr) {
            problems.add("tensor \"{}\" is not in the source", parameter.name);
        } else if (stored->shape != parameter.tensor.sizes().vec()) {
            problems.add("tensor \"{}\" has another shape in the source", parameter.name);
        }
    }
    problems.throw_if_any(ErrorKind::kData, "the model cannot be saved in the layout of a source that is not its own");
}

void write_from_scratch(const Decoder& decoder, const fs::path& target) {
    std::vector<io::TensorToWrite> tensors;
    std::vector<at::Tensor> hosts;
    for (const NamedTensor& parameter : decoder.parameters()) {
        hosts.push_back(on_host(parameter.tensor).to(at::kFloat));
        tensors.push_back({parameter.name, io::DType::kF32, hosts.back().sizes().vec(), bytes_of(hosts.back())});
    }
    io::write_safetensors(target / "model.safetensors", tensors, {{"format", "pt"}});
    Json config = decoder.config().source;
    config[config.contains("torch_dtype") ? "torch_dtype" : "dtype"] = "float32";
    io::write_file_atomically(target / "config.json", config.dump(2) + "\n");
}

}  // namespace

void save_model(const Decoder& decoder, const fs::path& source, const fs::path& target) {
    if (decoder.side_memory() != nullptr) {
        save_side_memory(*decoder.side_memory(), target);
    }
    if (source.empty()) {
        write_from_scratch(decoder, target);
        return;
    }
    const io::Checkpoint checkpoint = io::open_checkpoint(source);
    check_source(decoder, checkpoint);
    Problems problems;
    const CheckpointLayout layout = read_layout(decoder.config(), checkpoint, problems);
    problems.throw_if_any(ErrorKind::kData, source.string());
    copy_side_files(source, target);
    const SavedTensors saved(decoder, layout.head_copy);
    for (std::size_t i = 0; i < checkpoint.files.size(); ++i) {
        write_shard(checkpoint.files[i], saved, target / checkpoint.file_names[i]);
    }
    io::sync_path(target);
}

}  // namespace nepenthe::model
