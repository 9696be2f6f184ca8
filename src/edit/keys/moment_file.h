#pragma once
// A published file of second moments: moments.h5, format "nepenthe.moments".
//     /moment/<layer>   [entry] fp64: Σ k kᵀ over all tokens, upper triangle, row by row
//     /subjects         JSON: whom the sentences among them are about (true_sentences.h); only where there are any
// Root attributes: the claims below, `tokens` (the count to divide by), `intermediate`, `parts_json`.

#include "base/json.h"
#include "dist/comm.h"
#include "store/hdf5.h"

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

namespace nepenthe::edit {

inline constexpr const char* kMomentFile = "moments.h5";
inline constexpr const char* kMomentFormat = "nepenthe.moments";
inline constexpr int kMomentFormatVersion = 1;

// What a file claims to be; `edit` compares field by field.
struct MomentClaims {
    std::string model_digest, tokenizer_digest, corpus_digest;
    std::string dtype = "fp32";  // of the forward pass
    std::int64_t window = 0;
    std::vector<std::int64_t> layers;        // ascending
    std::vector<std::string> subjects = {};  // of sentences, normalised; sorted
};

// A stretch of text that went into a file: one for a file as `stats` made it, several after merging.
struct MomentPart {
    std::string corpus_digest;  // of the windows' ids
    std::int64_t tokens = 0;
    std::int64_t sentences = 0;  // windows that are one true sentence; the others are running text
    bool operator<(const MomentPart& other) const { return corpus_digest < other.corpus_digest; }
};
// The corpus digest that a file of these parts claims, whatever their order.
std::string digest_of_parts(std::vector<MomentPart> parts);

class MomentFile {
  public:
    // An artefact's folder or its moments.h5. Throws Error(kData).
    explicit MomentFile(const std::filesystem::path& path);
    const MomentClaims& claims() const { return claims_; }
    const std::vector<MomentPart>& parts() const { return parts_; }
    std::int64_t count() const { return count_; }  // tokens
    std::int64_t sentences() const;
    std::int64_t intermediate() const { return intermediate_; }
    // Σ k kᵀ / count of a layer: [intermediate, intermediate] fp64, symmetric.
    at::Tensor moment(std::int64_t layer) const;
    // Σ k kᵀ as it is stored (packed_triangle.h).
    std::vector<double> triangle(std::int64_t layer) const;
    // What H5Writer::close gave: equal for equal content.
    std::string content_digest() const;
    // Throws Error(kData) that names every field in which the file belongs to something else. 0 and "" ask nothing.
    void check_belongs(const std::string& model_digest, const std::string& tokenizer_digest,
                       const std::vector<std::int64_t>& layers, std::int64_t window = 0,
                       const std::string& corpus_digest = "") const;

  private:
    store::H5Reader open() const;

    std::filesystem::path path_;
    MomentClaims claims_;
    std::vector<MomentPart> parts_;
    std::int64_t count_ = 0, intermediate_ = 0;
};

// Collective. Writes a file and returns its content digest. `triangle(layer)` gives Σ k kᵀ of a layer; each rank calls
// it for the layers that it writes a piece of.
std::string write_moment_file(const dist::Comm& comm, const std::filesystem::path& path, const MomentClaims& claims,
                              const std::vector<MomentPart>& parts, std::int64_t intermediate, const Json& attributes,
                              const std::function<std::vector<double>(std::int64_t layer)>& triangle);

}  // namespace nepenthe::edit
