#pragma once
// `edit`: thousands of facts written by all ranks. specs: editing.md §1–6, §11.

#include "base/json.h"
#include "dist/comm.h"
#include "edit/facts.h"
#include "edit/solve.h"
#include "edit/value.h"
#include "model/decoder.h"
#include "text/tokenizer.h"

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <vector>

namespace nepenthe::edit {

enum class Method { kRRome, kRome, kPRome, kMemit, kMemitMerged, kEmmet, kAlphaEdit, kFineTune };
enum class Mode { kOneAtATime, kSequential, kBatch };

struct EditOptions {
    Method method = Method::kRRome;
    Mode mode = Mode::kBatch;             // refused where the method cannot do it
    std::vector<std::int64_t> layers;     // ascending
    ValueOptions value;                   // site and layer are set by the method
    std::filesystem::path moments;        // artefact of stats; empty = C = I, said aloud
    double lambda = 15000;                // MEMIT
    double emmet_weight = 1e4, emmet_mu = 0;
    double tau = 2e-2, l2 = 10;           // AlphaEdit
    std::int64_t facts_per_block = 16;    // values side by side; part of the result's identity
    std::int64_t batch = 0;               // sequential MEMIT, EMMET, AlphaEdit: facts a batch, 0 = all
    std::uint64_t seed = 0;

    std::vector<std::string> validate(const model::DecoderConfig& config) const;
    Json to_json() const;
};

// One change of one matrix: W += delta.dense(), W as [hidden, intermediate].
struct Delta {
    std::int64_t layer = 0;
    std::string tensor;          // checkpoint name
    LowRank update;              // fp64
    double norm = 0, weight_norm = 0;  // Frobenius
    double condition = 0, jitter = 0;
};

// What is known of one fact after its edit.
struct EditRecord {
    std::string id;
    FactValue value;
    at::Tensor key, residual;  // fp64, of the last edited layer
    std::string note;          // clamp hit, merged with …, key far from the bare one …
};

struct EditResult {
    std::vector<std::string> prefixes;
    std::vector<EditRecord> records;   // in the order of the facts
    std::vector<Delta> deltas;         // batch and sequential: all that was added, in order; one-at-a-time: delta i is fact i's
    std::vector<std::string> warnings;
};

// Called on all ranks after each fact (one-at-a-time: with this fact alone written) or batch; may throw Error(kGate), which
// in sequential mode rolls the last batch back and ends the run.
using AfterEdit = std::function<void(const model::Decoder& decoder, std::size_t first_fact, std::size_t facts)>;

// Collective. Edits `decoder` (fp32 weights) in place; one-at-a-time leaves it as it was. `scratch` journals the values.
EditResult edit(const dist::Comm& comm, model::Decoder& decoder, const text::Tokenizer& tokenizer,
                const std::vector<Fact>& facts, const EditOptions& options, const std::filesystem::path& scratch,
                const AfterEdit& after = {});

}  // namespace nepenthe::edit
