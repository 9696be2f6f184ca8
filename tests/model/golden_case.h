#pragma once
// One case of tests/golden/families: a tiny model and what transformers computed with it. NEPENTHE_TEST_DEVICE says
// where tensors live, NEPENTHE_TEST_FAMILIES where the cases lie, for a machine without the checkout
// (scripts/device-check.sh).

#include "io/safetensors.h"
#include "model/decoder.h"
#include "model/device.h"
#include "model/tensor_bytes.h"

#include <torch/types.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <stdexcept>
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
                                                   "llama_dynamic",
                                                   "mistral",
                                                   "ministral",
                                                   "qwen2",
                                                   "qwen3",
                                                   "phi",
                                                   "phi_qk_norm",
                                                   "phi3",
                                                   "phi3_longrope",
                                                   "olmo",
                                                   "olmo2",
                                                   "olmo3",
                                                   "gemma",
                                                   "gemma2",
                                                   "gemma3_text",
                                                   "granite",
                                                   "smollm3",
                                                   "starcoder2",
                                                   "stablelm",
                                                   "stablelm_parallel",
                                                   "opt",
                                                   "opt_post_norm",
                                                   "falcon",
                                                   "falcon_grouped",
                                                   "falcon_alibi",
                                                   "bloom",
                                                   "mpt",
                                                   "cohere",
                                                   "cohere2",
                                                   "glm",
                                                   "glm4",
                                                   "nemotron",
                                                   "exaone4",
                                                   "seed_oss",
                                                   "apertus",
                                                   "arcee",
                                                   "helium",
                                                   "ernie4_5",
                                                   "hunyuan_v1_dense"};
    return names;
}

inline std::filesystem::path golden_folder(const std::string& name) {
    const char* elsewhere = std::getenv("NEPENTHE_TEST_FAMILIES");
    return std::filesystem::path(elsewhere != nullptr ? elsewhere : NEPENTHE_SOURCE_DIR "/tests/golden/families") /
           name;
}

inline at::Device test_device() {
    const char* name = std::getenv("NEPENTHE_TEST_DEVICE");
    if (name == nullptr) return at::kCPU;
    const at::Device device(name);
    if (!device.is_cpu() && visible_devices() == 0) throw std::runtime_error("NEPENTHE_TEST_DEVICE: no device");
    return device;
}

inline Decoder load_golden(const std::string& name, Compute compute) {
    return Decoder::load(golden_folder(name), compute, test_device());
}

class Expected {
  public:
    explicit Expected(const std::string& name) : file_(golden_folder(name) / "expected.safetensors") {}

    bool has(const std::string& key) const { return file_.tensors().contains(key); }
    at::Tensor floats(const std::string& key) const {
        return tensor_from_bytes(file_.tensors().at(key), at::kFloat).to(test_device());
    }
    at::Tensor ids(const std::string& key) const { return copy(key, at::kLong); }
    at::Tensor mask(const std::string& key) const { return copy(key, at::kBool); }
    Batch plain() const { return {ids("ids"), {}}; }
    // The second sequence without its end, padded with token 0 on the "left" or "right".
    Batch padded(const std::string& side) const {
        Batch batch{ids("ids"), {}};
        const std::int64_t length = batch.ids.size(1), kept = length - kShorter, first = side == "left" ? kShorter : 0;
        batch.mask = at::ones_like(batch.ids, at::kBool);
        at::Tensor row = batch.ids[1], real = batch.mask[1];
        const at::Tensor start = row.narrow(0, 0, kept).clone();
        row.zero_();
        real.zero_();
        row.narrow(0, first, kept).copy_(start);
        real.narrow(0, first, kept).fill_(true);
        return batch;
    }
    // What the padded batch's logits are at real positions, zero elsewhere.
    at::Tensor padded_logits(const std::string& side) const {
        at::Tensor logits = floats("logits");
        const std::int64_t kept = logits.size(1) - kShorter, first = side == "left" ? kShorter : 0;
        const at::Tensor start =
            has("logits_shortened") ? floats("logits_shortened")[0] : logits[1].narrow(0, 0, kept).clone();
        at::Tensor row = logits[1];
        row.zero_();
        row.narrow(0, first, kept).copy_(start);
        return logits;
    }
    // Whether positions turn by angles that follow the length, so that a cache does not continue a sequence.
    bool follows_length() const { return has("logits_shortened"); }

  private:
    static constexpr std::int64_t kShorter = 4;

    at::Tensor copy(const std::string& key, at::ScalarType type) const {
        const io::TensorView& view = file_.tensors().at(key);
        at::Tensor tensor = at::empty(view.shape, type);
        std::memcpy(tensor.mutable_data_ptr(), view.bytes.data(), view.bytes.size());
        return tensor.to(test_device());
    }
    io::SafetensorsFile file_;
};

// Largest difference as a share of the largest expected magnitude.
inline double relative_error(const at::Tensor& actual, const at::Tensor& expected) {
    return ((actual - expected).abs().max() / expected.abs().max()).item<double>();
}

}  // namespace nepenthe::model
