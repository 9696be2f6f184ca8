#include "model/checkpoint_io.h"

#include "base/error.h"
#include "io/atomic_write.h"
#include "io/file.h"
#include "io/safetensors.h"
#include "model/checkpoint_layout.h"
#include "model/model_files.h"
#include "model/saved_tensors.h"
#include "model/side_memory.h"
#include "model/tensor_bytes.h"

#include <torch/types.h>

#include <cstring>
#include <map>
#include <set>

namespace nepenthe::model {

namespace {

namespace fs = std::filesystem;

// What lies in `target` already is this run's own, or a copy that a run before it made whole.
void copy_side_files(const fs::path& source, const fs::path& target) {
    for (const fs::directory_entry& entry : fs::directory_iterator(source)) {
        const fs::path& file = entry.path();
        const std::string name = file.filename().string();
        if (!entry.is_regular_file() || (!is_side_file(name) && name != io::kWeightsIndex)) continue;
        if (const fs::path copy = target / file.filename(); !fs::exists(copy)) io::copy_file_atomically(file, copy);
    }
}

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
    if (!source.empty()) {
        copy_side_files(source, target);
    }
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
    const SavedTensors saved(decoder, layout.head_copy);
    for (std::size_t i = 0; i < checkpoint.files.size(); ++i) {
        write_shard(checkpoint.files[i], saved, target / checkpoint.file_names[i]);
    }
    io::sync_path(target);
}

}  // namespace nepenthe::model
