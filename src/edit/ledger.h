#pragma once
// The ledger of an edited model: what was written, with what, and what came of it. Enough to write any subset again.
// HDF5, format "nepenthe.ledger" 1, ledger.h5:
//     /facts          text: JSON array of facts, in order
//     /units          text: JSON array, one object a unit: facts (indices), losses, steps, notes, block_key …
//     /prefixes       text: JSON array of context prefixes
//     /changes        text: JSON array, one object a change of a matrix (norms, condition, error before)
//     /metrics        text: JSON object: rows of the evaluation before and after
//     /value/initial  [unit, hidden] f32   v0            /value/delta  [unit, hidden] f32
//     /key            [unit, intermediate] f64           /residual     [unit, hidden] f64     of the last edited layer
// Root attributes: options, model_digest (of the unedited model), tokenizer_digest, moments_digest, compute.

#include "dist/comm.h"
#include "edit/edit.h"

#include <filesystem>
#include <string>
#include <vector>

namespace nepenthe::edit {

inline constexpr const char* kLedgerFile = "ledger.h5";
inline constexpr const char* kLedgerFormat = "nepenthe.ledger";
inline constexpr int kLedgerVersion = 1;

struct LedgerClaims {
    Json options;  // EditOptions::to_json, and "as_published": {row, source, changed} of a run with published numbers
    std::string model_digest, tokenizer_digest, moments_digest;
    // Device and threads: beside the options, where values and rows have their bits from.
    Json compute = Json::object();
};

struct Ledger {
    LedgerClaims claims;
    std::string created;
    std::vector<Fact> facts;
    std::vector<std::string> prefixes;
    std::vector<EditRecord> records;
    Json units, changes;
    // Of the facts: {"task", "before": {"metrics", "rows"}, "after": …, "answers": [{"id", "prompt", "before",
    // "after"}]}; empty where they were not measured.
    Json metrics;

    // Values by block, for a run that writes some of these facts again.
    KnownValues known_values() const;
};

// A fact as JSON, and back; every field.
Json fact_to_json(const Fact& fact);
Fact fact_from_json(const Json& json);
// SHA-256 of facts in order: equal for equal facts, whatever file they came from.
std::string facts_digest(const std::vector<Fact>& facts);

// Collective. Returns the content digest.
std::string write_ledger(const dist::Comm& comm, const std::filesystem::path& path, const LedgerClaims& claims,
                         const std::vector<Fact>& facts, const EditResult& result, const Json& metrics);

// An artefact's folder or its ledger.h5. Throws Error(kData).
Ledger read_ledger(const std::filesystem::path& path);

// A sentence on the published row that a ledger's options name; "" where they name none.
std::string describe_published(const Json& options);
// `edit --list` and `edit --diff A B`: what two ledgers differ in, by fact id.
std::string describe(const Ledger& ledger);
struct LedgerDifference {
    std::vector<std::string> only_first, only_second, changed;  // ids; changed: same id, other prompt or target
    Json options;                                               // {name: [first, second]} where they differ
};
LedgerDifference difference(const Ledger& first, const Ledger& second);

}  // namespace nepenthe::edit
