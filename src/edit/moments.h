#pragma once
// Second moments of MLP keys, C = E[k kᵀ]: computed for any layers in one pass, stored, added up. specs: editing.md §1.5.

#include "base/json.h"
#include "dist/comm.h"
#include "model/decoder.h"
#include "store/artefact.h"

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace nepenthe::edit {

struct MomentOptions {
    std::vector<std::int64_t> layers;
    std::int64_t window = 512;            // tokens a text, BOS included: documents are cut into windows
    std::int64_t tokens = 0;              // how many tokens at most, 0 = the corpus
    std::int64_t tokens_per_block = 4096; // windows computed together: bounds the memory
    double until = 0;                     // > 0: stop once the directions that edits use have converged to this, relative
    std::vector<std::string> validate() const;
    Json to_json() const;
};

// What a file claims to be; `edit` compares field by field.
struct MomentClaims {
    std::string model_digest, tokenizer_digest, corpus_digest;
    std::int64_t window = 0;
    std::vector<std::int64_t> layers;
};

// A published file of moments.
class MomentFile {
  public:
    // An artefact's folder or its moments.h5. Throws Error(kData).
    explicit MomentFile(const std::filesystem::path& path);
    const MomentClaims& claims() const { return claims_; }
    std::int64_t count() const { return count_; }  // tokens
    // Σ k kᵀ / count of a layer: [intermediate, intermediate] fp64, symmetric.
    at::Tensor moment(std::int64_t layer) const;
    // Throws Error(kData) that names every field in which the file belongs to something else.
    void check_belongs(const std::string& model_digest, const std::string& tokenizer_digest,
                       const std::vector<std::int64_t>& layers) const;

  private:
    std::filesystem::path path_;
    MomentClaims claims_;
    std::int64_t count_ = 0;
};

// Collective. Gathers the moments of `documents` (token ids without BOS are made here) and publishes them.
store::Artefact compute_moments(const dist::Comm& comm, const model::Decoder& decoder, const text::Tokenizer& tokenizer,
                                const std::vector<std::string>& documents, const std::string& model_digest,
                                const MomentOptions& options, const std::filesystem::path& outputs);

// Collective. Adds files of the same model, tokenizer, window and layers (other corpora) up into a new artefact.
store::Artefact merge_moments(const dist::Comm& comm, const std::vector<std::filesystem::path>& files,
                              const std::filesystem::path& outputs);

}  // namespace nepenthe::edit
