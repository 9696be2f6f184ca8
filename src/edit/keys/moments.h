#pragma once
// Second moments C = E[k kᵀ] of MLP keys, or of the inputs of all linear maps: computed for any layers in one pass,
// stored, added up. specs: editing.md §1.5.
//
// The corpus is cut into windows, the windows are dealt to at most `groups` blocks (never by rank). A block is summed
// by one rank, in order, in fp64 (each batch's product is fp32); the tree over blocks is fixed. So the bytes do not
// depend on the number of ranks. A finished block lies in the artefact's working folder until publication: groups ·
// layers · intermediate · (intermediate + 1) / 2 · 8 bytes of disk there (Gemma 3 270M, 5 layers, 16 groups: 1.3 GB),
// and one such block in every rank's memory.

#include "base/json.h"
#include "dist/comm.h"
#include "edit/facts/true_sentences.h"
#include "edit/keys/moment_file.h"
#include "edit/keys/moment_windows.h"
#include "model/decoder.h"
#include "store/artefact.h"
#include "text/tokenizer.h"

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace nepenthe::edit {

struct MomentOptions {
    std::vector<std::int64_t> layers;  // any order; gathered in one pass that stops after the last
    bool every_map = false;            // of all inputs of a layer (model/linear_maps.h), not of its MLP keys alone
    std::int64_t window = 512;         // tokens a text, BOS included: documents are cut into windows
    // How many tokens of running text at most; 0 = the corpus, or beside sentences as many as they have, so that both
    // weigh the same.
    std::int64_t tokens = 0;
    std::int64_t skip = 0;  // tokens left out before them: what an earlier file of this corpus and seed holds
    std::int64_t tokens_per_batch = 4096;  // windows computed together: bounds the memory
    std::int64_t groups = 16;              // blocks of a round at most: more ranks than that have nothing to do
    double until = 0;        // > 0: stop once direction_change() after doubling the tokens is at most this
    std::uint64_t seed = 0;  // of the order in which windows are read
    std::vector<std::string> validate() const;
    Json to_json() const;
};

// What moments are gathered from: running text, and true sentences about subjects that are not edited, each a window.
struct MomentTexts {
    std::vector<std::string> documents;
    TrueSentences sentences;
};

// Texts cut into windows, and the key of what is gathered from them.
struct MomentPlan {
    MomentOptions options;
    MixedWindows windows;
    MomentClaims claims;
    store::ArtefactKey key;
};
// `compute`: dtype, device and threads, which count. Loads no model. Throws Error(kData) for a corpus without tokens.
MomentPlan plan_moments(const text::Tokenizer& tokenizer, const MomentTexts& texts, const std::string& model_digest,
                        const MomentOptions& options, const Json& compute);

// Collective. Gathers the moments of a plan and publishes them below `outputs`; an artefact of the same key is
// returned as it is, an unfinished one continued. The manifest's summary holds tokens, layers, rounds and how much
// directions still moved. Throws Error(kUsage) for options and layers that the model does not have, Error(kData) for
// keys that are not finite.
store::Artefact compute_moments(const dist::Comm& comm, const model::Decoder& decoder, MomentPlan plan,
                                const std::filesystem::path& outputs);

// Collective. The key of what merge_moments makes of these files.
store::ArtefactKey merge_key(const dist::Comm& comm, const std::vector<std::filesystem::path>& files);

// Collective. Adds files of the same model, tokenizer, window and layers up into a new artefact; their order does not
// matter. Throws Error(kData) naming every field that differs, or text that two of them hold.
store::Artefact merge_moments(const dist::Comm& comm, const std::vector<std::filesystem::path>& files,
                              const std::filesystem::path& outputs);

}  // namespace nepenthe::edit
