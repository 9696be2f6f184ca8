#pragma once
// `relabel`: generic labels of a corpus from a baseline and a reinforced model, by all ranks.
// specs: unlearning.md §2.3, §2.4, §14; arXiv 2310.02238.
//
// Every block is one forward pass of each model. Labels need the full vocabulary of both, but the models themselves
// need not meet: with swapping, a first pass keeps the baseline's states behind the final norm (fp32, [position,
// hidden]), a second one runs the reinforced model and rebuilds the baseline's logits from these states and its
// unembedding matrix. The same matrix products run in either case, so the artefact is the same bytes.

#include "base/json.h"
#include "dist/comm.h"
#include "model/decoder.h"
#include "store/artefact.h"
#include "text/tokenizer.h"
#include "unlearn/anchors/dictionary.h"
#include "unlearn/anchors/translation.h"
#include "unlearn/relabel/combine.h"

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace nepenthe::unlearn {

// Whether the models follow one another in memory. kAuto swaps where both do not fit into what the node has free.
enum class Swap { kAuto, kAlways, kNever };
Swap parse_swap(std::string_view name);  // "auto", "always", "never"; throws Error(kUsage)

struct RelabelOptions {
    Rules rules = Rules::kImproved;
    Combine combine = Combine::kLogOdds;
    double plausible = 0.1;  // β, in 0 … 1; 0 = every token is
    std::vector<double> alphas = {5.0};
    std::int64_t top_k = 64;
    std::int64_t block = 512;  // tokens a block, BOS included
    MatchRules match;          // improved rules alone
    std::uint64_t seed = 0;
    bool store_logits = false;                    // /logits/{baseline,reinforced}
    std::vector<std::int64_t> activation_layers;  // /activations/<layer>, counted from 0
    Swap swap = Swap::kAuto;                      // does not change the result

    // Every problem at once, empty when fine.
    std::vector<std::string> validate() const;
    // What determines the artefact.
    Json to_json() const;
};

struct RelabelInputs {
    // Each rank loads for itself; called once at most.
    std::function<model::Decoder()> load_baseline, load_reinforced;
    std::string baseline_digest, reinforced_digest;  // of the model folders
    const text::Tokenizer* tokenizer = nullptr;      // the baseline's; its digest goes into the artefact
    Json compute = Json::object();                   // of the models: dtype, device, threads, as the key tells them
    Dictionary dictionary;                           // no entries: nothing is translated
    std::vector<std::string> documents;
};

// What determines the artefact. Cuts the corpus; loads no model.
store::ArtefactKey relabel_key(const RelabelInputs& inputs, const RelabelOptions& options);

// Collective. The artefact below `outputs`; an existing one of the same key is returned as it is, an unfinished one is
// continued on however many ranks there are now. Its manifest's summary holds LabelCounts::to_json. Throws
// Error(kUsage) for options, Error(kData) where models, tokenizer and corpus do not belong together or no term occurs
// in the corpus, Error(kGate) for logits that are not finite.
store::Artefact relabel(const dist::Comm& comm, const RelabelInputs& inputs, const RelabelOptions& options,
                        const std::filesystem::path& outputs);

}  // namespace nepenthe::unlearn
