#pragma once
// What `edit` is asked to do: method, mode, layers and their numbers. specs: editing.md §2–6, §10.

#include "base/json.h"
#include "edit/facts/prefixes.h"
#include "edit/published/rows.h"
#include "edit/values/value.h"
#include "model/decoder.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace nepenthe::edit {

enum class Method {
    kRRome,        // one fact, one layer, equality at the mean key (2403.07175)
    kRome,         // as published: direction of the mean key, equality at the bare one (2202.05262)
    kPRome,        // the bare key everywhere
    kMemit,        // a batch, least squares against lambda · C (2210.07229)
    kMemitMerged,  // the same with one value per subject (2502.07322)
    kEmmet,        // a batch, equality (2403.14236)
    kAlphaEdit,    // a batch, within the null space of C (2410.02355)
    kFineTune,     // FT-L: gradient descent on the matrix within a box
};
enum class Mode {
    kOneAtATime,  // each fact on the original weights; nothing stays
    kSequential,  // fact after fact, or batch after batch, each on what the last one left
    kBatch,       // all facts in one solve
};
// Facts that share a subject share (almost) one key, and one key can carry one value.
enum class SharedSubjects {
    kRefuse,
    kMerge,  // one value for all prompts of a subject
    kKeep,   // each its own: least squares averages them
};
// Where the batch methods take the residual, and with it which prompt gets its value exactly.
enum class ResidualAt { kMean /* over the prefixes, like the key */, kBare /* as MEMIT is published */ };

Method parse_method(const std::string& name);
Mode parse_mode(const std::string& name);
SharedSubjects parse_shared_subjects(const std::string& name);
ResidualAt parse_residual(const std::string& name);
ValueSite parse_value_site(const std::string& name);  // "mlp-output", "block-output"
std::string method_name(Method method);
std::string mode_name(Mode mode);
const std::vector<std::string>& method_names();

// With fewer sentences about other subjects in the second moments, neighbours pay for a larger clamp (docs/results.md).
inline constexpr std::int64_t kEnoughSentences = 5000;

// Writes one fact at a time by nature: ROME and its kin.
bool is_rank_one(Method method);
// The mode that a method is run in when none is asked for.
Mode default_mode(Method method);

struct FineTuneOptions {
    std::int64_t steps = 25;
    double lr = 5e-4;
    double stop_loss = 1e-2;
    double box = 5e-4;            // no weight moves further than this
    std::int64_t minibatch = 64;  // facts a step
};

struct EditOptions {
    Method method = Method::kRRome;
    Mode mode = Mode::kSequential;
    std::vector<std::int64_t> layers;  // ascending
    std::optional<ValueSite> site;     // none: where W writes for one layer, the block's output for several
    ValueOptions value;                // its site and layer are set by the driver
    // Of the values alone: keys and the solve stay as they are.
    model::Compute value_compute = model::Compute::kFloat32;
    SharedSubjects shared_subjects = SharedSubjects::kRefuse;
    std::optional<ResidualAt> residual;  // none: over the prefixes where W writes, bare at the block's output
    double lambda = 0;                   // MEMIT; multiplies C as a mean over tokens; 0 = by family (fill_defaults)
    double emmet_weight = 1e4, emmet_mu = 0;
    double tau = 0, l2 = 0;  // AlphaEdit; 0 = by family
    FineTuneOptions fine_tune;
    std::int64_t facts_per_block = 1;  // values optimised side by side, about so many; part of the result's identity
    std::int64_t batch = 0;            // sequential MEMIT, EMMET, AlphaEdit: facts a batch, 0 = all
    double min_response = 0;           // rank-one edits: reject where k0 · u / (k̄ · u) falls below this
    // Context prefixes beside the bare prompt; negative = by family, or the method's own.
    std::int64_t prefix_count = -1;
    bool text_start_prefixes = false;  // they begin where texts do, not with words: ROME's published ones
    std::uint64_t seed = 0;            // of the context prefixes

    // By the model's family, what is not set: layers (empty), lambda, tau, l2 (0), the number of prefixes, and the
    // values' relative_lr, clamp and decay (negative). `sentences`: how many true sentences about other subjects the
    // second moments hold (MomentFile::sentences), which pay for a larger clamp.
    void fill_defaults(const model::DecoderConfig& config, std::int64_t sentences = 0);
    // All problems, each a sentence; among them what the method cannot do.
    std::vector<std::string> validate(const model::DecoderConfig& config) const;
    // What determines the result, for keys and the ledger, and back (Error(kData)).
    Json to_json() const;
    static EditOptions from_json(const Json& json);
    // The part of to_json that values depend on, and the context prefixes: runs that agree here compute the same
    // values.
    Json values_json() const;

    ValueSite value_site() const;
    ResidualAt residual_at() const;
    PrefixOptions prefixes() const;  // which, and how they are averaged
    PrefixMean prefix_mean() const;
};

// What a published row says, and what its method does besides: several layers share the residual of the bare prompt's
// block output, facts that share a subject are averaged, AlphaEdit writes batches of 100 in sequence.
EditOptions published_options(const PublishedEdit& row);

}  // namespace nepenthe::edit
