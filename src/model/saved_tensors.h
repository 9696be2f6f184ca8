#pragma once
// A decoder's tensors as a checkpoint names them, for those who write one and those who read it back.

#include "io/safetensors.h"
#include "model/decoder.h"

#include <ATen/core/Tensor.h>

#include <map>
#include <string>

namespace nepenthe::model {

// The decoder's tensors by checkpoint name.
class SavedTensors {
  public:
    // `head_copy`: the name under which the source repeats a tied embedding, or "".
    SavedTensors(const Decoder& decoder, const std::string& head_copy);
    // Undefined for what the decoder does not hold: buffers, parts for other modalities.
    at::Tensor find(const std::string& name) const;
    const std::map<std::string, at::Tensor>& all() const { return tensors_; }

  private:
    std::map<std::string, at::Tensor> tensors_;
};

// Contiguous, on the CPU.
at::Tensor on_host(const at::Tensor& tensor);

// Whether the source's bytes, converted as when loading, are the tensor as it is now.
bool is_untouched(const io::TensorView& stored, const at::Tensor& now);

}  // namespace nepenthe::model
