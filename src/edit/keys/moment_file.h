#pragma once
// A published file of second moments: moments.h5, format "nepenthe.moments".
//     /moment/<layer>           [entry] fp64: Σ k kᵀ over all tokens, upper triangle, row by row, of the MLP keys
//     /moment_<input>/<layer>   the same of another input ("qkv", "o", "up": model/linear_maps.h), where there are such
//     /subjects                 JSON: whom the sentences among them are about (true_sentences.h), where there are such
// Root attributes: the claims below, `tokens` (the count to divide by), `intermediate`, `parts_json`; `widths_json`
// where there are other inputs than MLP keys.

#include "base/json.h"
#include "dist/comm.h"
#include "edit/keys/key_pass.h"
#include "store/hdf5.h"

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
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

// The inputs that moments are kept of in every layer, and the number of entries of each.
using MomentWidths = std::map<model::MapInput, std::int64_t>;

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
    std::int64_t intermediate() const { return widths_.at(model::MapInput::kDown); }
    const MomentWidths& widths() const { return widths_; }
    bool holds(const MomentMap& map) const;
    // Σ k kᵀ / count of an input: [width, width] fp64, symmetric. Throws Error(kData) for one that it does not hold.
    at::Tensor moment(const MomentMap& map) const;
    // Of the MLP keys of a layer.
    at::Tensor moment(std::int64_t layer) const { return moment(MomentMap{layer}); }
    // Σ k kᵀ as it is stored (packed_triangle.h).
    std::vector<double> triangle(const MomentMap& map) const;
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
    std::int64_t count_ = 0;
    MomentWidths widths_;
};

// Every input of `widths` in every layer, ascending.
std::vector<MomentMap> moment_maps(const std::vector<std::int64_t>& layers, const MomentWidths& widths);

// Collective. Writes a file and returns its content digest. `triangle(map)` gives Σ k kᵀ of an input; each rank calls
// it for those that it writes a piece of. MLP keys must be among them.
std::string write_moment_file(const dist::Comm& comm, const std::filesystem::path& path, const MomentClaims& claims,
                              const std::vector<MomentPart>& parts, const MomentWidths& widths, const Json& attributes,
                              const std::function<std::vector<double>(const MomentMap& map)>& triangle);

}  // namespace nepenthe::edit
