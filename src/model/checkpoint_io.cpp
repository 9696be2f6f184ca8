#include "model/checkpoint_io.h"

#include "base/error.h"
#include "base/log.h"
#include "io/file.h"
#include "io/safetensors.h"
#include "model/checkpoint_layout.h"
#include "model/side_memory.h"
#include "model/tensor_bytes.h"

#include <torch/types.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <map>
#include <set>

namespace nepenthe::model {

namespace {

namespace fs = std::filesystem;

// Weights in formats that are not written would be the source's old ones; they are left behind.
bool holds_other_weights(const fs::path& file) {
    constexpr std::array<std::string_view, 10> kEndings = {".safetensors", ".bin",     ".pt", ".pth",  ".ckpt",
                                                           ".h5",          ".msgpack", ".ot", ".gguf", ".onnx"};
    const std::string extension = file.extension().string();
    return std::ranges::find(kEndings, extension) != kEndings.end();
}

// These speak of the source artefact, not of the model.
bool belongs_to_artefact(const fs::path& file) {
    return file.filename() == "manifest.json" || file.filename() == "provenance.json";
}

// Written anew from what the decoder carries.
bool belongs_to_side_memory(const fs::path& file) {
    return file.filename() == kSideMemoryWeights || file.filename() == kSideMemoryDescription;
}

void copy_side_files(const fs::path& source, const fs::path& target) {
    for (const fs::directory_entry& entry : fs::directory_iterator(source)) {
        const fs::path& file = entry.path();
        if (!entry.is_regular_file() || belongs_to_artefact(file) || belongs_to_side_memory(file)) {
            continue;
        }
        if (holds_other_weights(file)) {
            if (file.extension() != ".safetensors") {
                log_info("{} is not copied: it holds weights in a format that is not written", file.string());
            }
            continue;
        }
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

void hash_number(Sha256& hash, std::uint64_t value) {
    std::array<std::byte, 8> bytes{};
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        bytes[i] = static_cast<std::byte>(value >> (8 * i));
    }
    hash.update(Bytes(bytes));
}

// Length first, so that no two lists of strings give the same bytes.
void hash_text(Sha256& hash, std::string_view text) {
    hash_number(hash, text.size());
    hash.update(text);
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

std::string model_digest(const fs::path& folder) {
    const io::Checkpoint checkpoint = io::open_checkpoint(folder);
    Sha256 hash;
    hash_text(hash, io::read_file(folder / "config.json", 16u << 20));
    for (const auto& [name, file] : checkpoint.file_of_tensor) {
        const io::TensorView& tensor = checkpoint.files[file].tensors().at(name);
        hash_text(hash, name);
        hash_text(hash, io::dtype_name(tensor.dtype));
        hash_number(hash, tensor.shape.size());
        for (const std::int64_t size : tensor.shape) {
            hash_number(hash, static_cast<std::uint64_t>(size));
        }
        hash_number(hash, tensor.bytes.size());
        hash.update(tensor.bytes);
    }
    if (holds_side_memory(folder)) {
        for (const char* file : {kSideMemoryDescription, kSideMemoryWeights}) {
            hash_text(hash, io::MappedFile(folder, file).text());
        }
    }
    return hash.hex();
}

}  // namespace nepenthe::model
