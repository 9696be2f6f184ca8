#pragma once
// One case of tests/golden/families: a tiny model and what transformers computed with it.

#include "io/safetensors.h"
#include "model/decoder.h"
#include "model/tensor_bytes.h"

#include <torch/types.h>

#include <cstring>
#include <filesystem>
#include <string>
#include <vector>

namespace nepenthe::model {

inline const std::vector<std::string>& golden_cases() {
    static const std::vector<std::string> names = {"gpt2",
                                                   "gpt_neo",
                                                   "gptj",
                                                   "gpt_neox",
                                                   "gpt_neox_sequential",
                                                   "llama",
                                                   "llama_biased_tied",
                                                   "llama_linear",
                                                   "llama_llama3",
                                                   "llama_yarn",
                                                   "mistral",
                                                   "qwen2",
                                                   "qwen3",
                                                   "phi",
                                                   "olmo2",
                                                   "gemma3_text"};
    return names;
}

inline std::filesystem::path golden_folder(const std::string& name) {
    return std::filesystem::path(NEPENTHE_SOURCE_DIR) / "tests/golden/families" / name;
}

class Expected {
  public:
    explicit Expected(const std::string& name) : file_(golden_folder(name) / "expected.safetensors") {}

    bool has(const std::string& key) const { return file_.tensors().contains(key); }
    at::Tensor floats(const std::string& key) const { return tensor_from_bytes(file_.tensors().at(key), at::kFloat); }
    at::Tensor ids(const std::string& key) const { return copy(key, at::kLong); }
    at::Tensor mask(const std::string& key) const { return copy(key, at::kBool); }
    Batch plain() const { return {ids("ids"), {}}; }
    Batch padded(const std::string& side) const { return {ids("ids_" + side), mask("mask_" + side)}; }

  private:
    at::Tensor copy(const std::string& key, at::ScalarType type) const {
        const io::TensorView& view = file_.tensors().at(key);
        at::Tensor tensor = at::empty(view.shape, type);
        std::memcpy(tensor.mutable_data_ptr(), view.bytes.data(), view.bytes.size());
        return tensor;
    }
    io::SafetensorsFile file_;
};

// Largest difference as a share of the largest expected magnitude.
inline double relative_error(const at::Tensor& actual, const at::Tensor& expected) {
    return ((actual - expected).abs().max() / expected.abs().max()).item<double>();
}

}  // namespace nepenthe::model
