#pragma once
// IKE (arXiv 2305.12740): no weight changes; a fact is told to the model in the prompt, among demonstrations of how
// told facts are to be used. specs: editing.md §7.
//
//     New Fact: {fact} {target}\nPrompt: {x} {y}\n\n         one demonstration
//
// copy: x is the fact itself, y its target; update: x a paraphrase, y the target; retain: x something else, y its true
// answer. They are made of facts that are not edited (the pool).

#include "dist/comm.h"
#include "edit/facts/facts.h"
#include "model/sentence_encoder.h"
#include "store/artefact.h"
#include "text/tokenizer.h"

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace nepenthe::edit {

enum class DemonstrationKind { kCopy, kUpdate, kRetain };

struct IkeOptions {
    std::int64_t demonstrations = 32;               // k
    std::int64_t copy = 1, update = 3, retain = 4;  // shares of the kinds
    bool repeat_fact = true;                        // the fact itself once more as a copy, right before the query
    std::int64_t reserve = 64;  // tokens of the context left for what follows the told fact: a prompt and its answer
    std::uint64_t seed = 0;     // of the kinds' order
    std::vector<std::string> validate() const;
    Json to_json() const;
};

struct Demonstration {
    DemonstrationKind kind = DemonstrationKind::kCopy;
    std::string pool_id;   // of the fact that it was made of
    float similarity = 0;  // cosine of its sentence with the edited fact's
    std::string text;      // as above, the blank line at its end included
};

// What stands before every prompt about one fact.
struct ToldFact {
    std::string id;
    std::string sentence;                       // the fact's own prompt, by which it is found again for other prompts
    std::vector<Demonstration> demonstrations;  // as they stand: the most similar last
    std::string context;                        // all of them, the repeated fact and "New Fact: …\nPrompt: "
    std::int64_t tokens = 0;                    // of the context, BOS included
    std::int64_t left_out = 0;                  // demonstrations that did not fit
};

class IkeBundle {
  public:
    IkeBundle(IkeOptions options, std::vector<ToldFact> facts);
    // A published bundle: an artefact's folder. Throws Error(kData).
    static IkeBundle open(const std::filesystem::path& folder);

    const IkeOptions& options() const { return options_; }
    const std::vector<ToldFact>& facts() const { return facts_; }
    // nullptr where the bundle does not tell of the fact.
    const ToldFact* find(const std::string& id) const;
    // `prompt` with the demonstrations of the fact before it, for evaluate and generate. Throws Error(kUsage) for a
    // fact that the bundle does not tell of.
    std::string prompt(const std::string& fact_id, const std::string& prompt) const;
    // For each prompt the number of the told fact whose sentence is nearest to it (the first of equals), and the
    // cosine: what a reader of the bundle does for prompts whose fact is not known.
    std::vector<std::pair<std::size_t, float>> nearest(const model::SentenceEncoder& encoder,
                                                       const std::vector<std::string>& prompts) const;
    // The fact with every one of its prompts (its own, paraphrases, neighbours) behind its demonstrations, for scorers.
    // Throws Error(kData) where a demonstration holds "{}".
    Fact told(const Fact& fact) const;

  private:
    IkeOptions options_;
    std::vector<ToldFact> facts_;
    std::map<std::string, std::size_t> index_;
};

struct IkeInputs {
    const text::Tokenizer* tokenizer = nullptr;  // of the model that will read the prompts
    std::int64_t max_positions = 0;              // of its context
    const model::SentenceEncoder* encoder = nullptr;
    std::vector<Fact> facts, pool;
};

// The pool without what would leak: facts that share id, subject or sentence with an edited one, or whose sentence,
// paraphrases or neighbours are asked of one; facts without a true or new target.
std::vector<Fact> leak_free(const std::vector<Fact>& pool, const std::vector<Fact>& edited);

// A paraphrase of CounterFact without the unrelated sentence that it begins with: what follows its last sentence end
// before the subject; the paraphrase itself where the subject is not found.
std::string without_leading_sentence(const std::string& paraphrase, const std::string& subject);

// Collective. Encodes facts and pool by all ranks and builds the bundle; the same on every rank, byte for byte. Throws
// Error(kUsage) for bad options, Error(kData) where the pool, freed of leaks, is empty or a fact alone exceeds the
// context. `scratch` journals the vectors and may be empty.
IkeBundle ike(const dist::Comm& comm, const IkeInputs& inputs, const IkeOptions& options,
              const std::filesystem::path& scratch, std::vector<std::string>* warnings = nullptr);

// Of artefacts that hold a bundle.
inline constexpr const char* kIkeStage = "ike";

// Writes bundle.jsonl (a line a fact) and options.json into an unpublished folder. For one rank.
void write_bundle(const IkeBundle& bundle, const std::filesystem::path& folder);

}  // namespace nepenthe::edit
