#include "model/saved_tensors.h"

#include "model/tensor_bytes.h"

#include <torch/types.h>

#include <cstring>

namespace nepenthe::model {

SavedTensors::SavedTensors(const Decoder& decoder, const std::string& head_copy) {
    for (const NamedTensor& parameter : decoder.parameters()) {
        tensors_.emplace(parameter.name, parameter.tensor);
    }
    if (!head_copy.empty()) tensors_.emplace(head_copy, decoder.unembedding());
}

at::Tensor SavedTensors::find(const std::string& name) const {
    const auto found = tensors_.find(name);
    return found == tensors_.end() ? at::Tensor() : found->second;
}

at::Tensor on_host(const at::Tensor& tensor) { return tensor.detach().to(at::kCPU).contiguous(); }

bool is_untouched(const io::TensorView& stored, const at::Tensor& now) {
    const at::Tensor loaded = tensor_from_bytes(stored, now.scalar_type());
    return loaded.nbytes() == now.nbytes() &&
           std::memcmp(loaded.const_data_ptr(), now.const_data_ptr(), now.nbytes()) == 0;
}

}  // namespace nepenthe::model
