#include "model/read_back.h"

#include "base/error.h"
#include "io/safetensors.h"
#include "model/checkpoint_layout.h"
#include "model/saved_tensors.h"
#include "model/side_memory.h"
#include "model/tensor_bytes.h"

#include <torch/types.h>

#include <cstring>
#include <memory>

namespace nepenthe::model {

namespace {

namespace fs = std::filesystem;

bool same_tensor(const io::TensorView& a, const io::TensorView& b) {
    return a.dtype == b.dtype && a.shape == b.shape && a.bytes.size() == b.bytes.size() &&
           std::memcmp(a.bytes.data(), b.bytes.data(), a.bytes.size()) == 0;
}

// Whether `stored` is what save_model has to write for `memory`; `before` is the source's tensor, if there is one.
bool is_saved(const io::TensorView& stored, const at::Tensor& memory, const io::TensorView* before) {
    const auto type = floating_type(stored.dtype);
    if (!type || stored.shape != memory.sizes().vec()) return false;
    const at::Tensor host = on_host(memory);
    if (before != nullptr && is_untouched(*before, host)) return same_tensor(stored, *before);
    const at::Tensor rounded = host.to(*type);
    return stored.bytes.size() == rounded.nbytes() &&
           std::memcmp(stored.bytes.data(), rounded.const_data_ptr(), rounded.nbytes()) == 0;
}

void check_saved_side_memory(const Decoder& decoder, const fs::path& saved, Problems& problems) {
    const std::shared_ptr<const SideMemory> memory = decoder.side_memory();
    if (memory == nullptr) {
        if (holds_side_memory(saved)) problems.add("a side memory, which the model has not");
        return;
    }
    const SideMemory read = load_side_memory(saved, at::kFloat, at::kCPU);
    bool same = read.layer == memory->layer && read.ratio == memory->ratio && read.distance == memory->distance &&
                read.pooling == memory->pooling && read.alternatives.size() == memory->alternatives.size();
    for (std::size_t i = 0; same && i < read.alternatives.size(); ++i) {
        const at::Tensor weight = on_host(memory->alternatives[i].weight).to(at::kFloat);
        same = read.alternatives[i].threshold == memory->alternatives[i].threshold &&
               read.alternatives[i].weight.sizes() == weight.sizes() &&
               std::memcmp(read.alternatives[i].weight.const_data_ptr(), weight.const_data_ptr(), weight.nbytes()) == 0;
    }
    if (!same) problems.add("the side memory: on disk it is not what stands in memory");
}

}  // namespace

void check_saved_model(const Decoder& decoder, const fs::path& source, const fs::path& saved) {
    const io::Checkpoint after = io::open_checkpoint(saved);
    const io::Checkpoint before = source.empty() ? io::Checkpoint{} : io::open_checkpoint(source);
    Problems problems;
    const std::string head_copy = source.empty() ? "" : read_layout(decoder.config(), before, problems).head_copy;
    const SavedTensors memory(decoder, head_copy);
    for (const auto& [name, file] : after.file_of_tensor) {
        const io::TensorView& stored = *after.find(name);
        const io::TensorView* const old = before.find(name);
        if (const at::Tensor now = memory.find(name); now.defined()) {
            if (!is_saved(stored, now, old))
                problems.add("{}: on disk it is not what stands in memory, rounded once", name);
        } else if (old == nullptr || !same_tensor(stored, *old)) {
            problems.add("{}: on disk it is not the source's", name);
        }
    }
    for (const auto& [name, tensor] : memory.all()) {
        if (after.find(name) == nullptr) problems.add("{}: it is missing on disk", name);
    }
    for (const auto& [name, file] : before.file_of_tensor) {
        if (after.find(name) == nullptr) problems.add("{}: it is missing on disk", name);
    }
    check_saved_side_memory(decoder, saved, problems);
    static_cast<void>(read_config(saved));
    problems.throw_if_any(ErrorKind::kGate, "the saved model " + saved.string());
}

}  // namespace nepenthe::model
