#pragma once
// A BERT encoder that makes one vector of a text (sentence-transformers' all-MiniLM-L6-v2 and its like): bidirectional
// attention, norms behind the residuals, the mean of the last states over the real tokens, scaled to length one.
// Devlin et al. 2019 (arXiv:1810.04805), Reimers and Gurevych 2019 (arXiv:1908.10084).

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>

namespace nepenthe::model {

// SHA-256 over the files that an encoder is read from, for artefact keys; other files in its folder do not count.
std::string encoder_digest(const std::filesystem::path& folder);

class SentenceEncoder {
  public:
    // Reads a folder of safetensors with tokenizer.json, config.json and sentence-transformers' own files. Throws
    // Error(kData) that lists what is missing, misshapen, non-finite or not supported. Not collective. CPU, fp32.
    static SentenceEncoder load(const std::filesystem::path& folder);

    SentenceEncoder(SentenceEncoder&&) noexcept;
    SentenceEncoder& operator=(SentenceEncoder&&) noexcept;
    ~SentenceEncoder();

    std::int64_t width() const;
    // Tokens of a text that are looked at, the two special ones included; the rest is cut off, as published.
    std::int64_t max_tokens() const;
    // encoder_digest() of the folder.
    const std::string& digest() const;

    // [text, width] fp32, each row of length one: a product of two is their cosine. The last bits depend on the texts
    // of the call.
    at::Tensor encode(std::span<const std::string> texts) const;

  private:
    struct Impl;
    explicit SentenceEncoder(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

}  // namespace nepenthe::model
