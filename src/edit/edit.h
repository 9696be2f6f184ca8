#pragma once
// `edit`: thousands of facts written by all ranks. specs: editing.md §1–6, §11.

#include "dist/comm.h"
#include "edit/edit_options.h"
#include "edit/edit_unit.h"
#include "edit/facts/facts.h"
#include "edit/solve/solve.h"
#include "edit/unit_values.h"
#include "edit/values/value.h"
#include "model/decoder.h"
#include "text/tokenizer.h"

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

namespace nepenthe::edit {

// One change of one matrix: W += update.
struct Delta {
    std::int64_t layer = 0;
    std::string tensor;                // checkpoint name
    LowRank update;                    // fp64; one-at-a-time fine-tuning keeps norms alone
    double norm = 0, weight_norm = 0;  // Frobenius
    double largest = 0;                // largest change of a single weight
    double condition = 0, jitter = 0;  // of the solve
    double error_before = 0;  // mean ‖wanted − present‖ / ‖wanted‖ of the values when the layer was reached
    std::size_t first_unit = 0, units = 0;
};

// What is known of a unit (one fact, or the facts of one subject) after its edit.
struct EditRecord {
    std::vector<std::size_t> facts;  // the leading one first; duplicates last
    FactValue value;                 // undefined tensors for fine-tuning
    std::string block_key;           // EditContext::block_key of the block that the value was computed in
    at::Tensor key, residual;        // fp64, of the last edited layer; undefined for fine-tuning
    double key_cosine = 1;           // of the bare key with the key that was used
    double response = 1;  // rank-one methods: k0 · u / (k̄ · u), how much of the edit the bare prompt sees
    std::string note;     // clamp hit, key far from the bare one …
    std::string probe;    // what the probe returned (one-at-a-time)
};

struct EditResult {
    std::vector<std::string> prefixes;
    std::vector<EditRecord> records;  // by first fact
    std::vector<Delta> deltas;  // batch and sequential: all that stays, in order; one-at-a-time: delta i is unit i's
    std::vector<std::string> warnings;
    std::string stopped;            // sequential: why the run ended early (a gate); its last batch was rolled back
    std::size_t units_written = 0;  // records beyond it have no delta
};

struct EditInputs {
    const text::Tokenizer* tokenizer = nullptr;
    std::vector<Fact> facts;
    // C of a layer, [intermediate, intermediate] fp64; empty = C = I, said aloud.
    std::function<at::Tensor(std::int64_t layer)> moment;
    // Context prefixes; empty = generated from the decoder.
    std::vector<std::string> prefixes;
    // Values of an earlier run: taken where a block holds the same facts after the same history.
    KnownValues known_values;
};

struct EditHooks {
    // Batch and sequential: collective, after each batch, with it written. A thrown Error(kGate) rolls the batch back;
    // in sequential mode the run then ends in peace, in batch mode the error goes on.
    std::function<void(const model::Decoder& decoder, const std::vector<EditUnit>& units)> after;
    // One at a time: on one rank, with this fact alone written; what it returns is journalled and kept.
    std::function<std::string(const model::Decoder& decoder, std::size_t fact)> probe;
};

// What can be said before anything is computed: the facts as units, and warnings. Throws as edit() does. Not
// collective.
std::vector<EditUnit> check_edit(const model::DecoderConfig& config, const EditInputs& inputs,
                                 const EditOptions& options, std::vector<std::string>& warnings);

// Collective. Edits `decoder` (fp32 weights) in place; one-at-a-time leaves it as it was. `scratch` journals the values
// and may be empty. Throws Error(kUsage) for options that the model or method cannot do, Error(kData) for facts that
// cannot be written, Error(kGate) for numbers that are not finite and constraints that cannot hold; the weights then
// are as the last whole batch left them.
EditResult edit(const dist::Comm& comm, model::Decoder& decoder, const EditInputs& inputs, const EditOptions& options,
                const std::filesystem::path& scratch, const EditHooks& hooks = {});

}  // namespace nepenthe::edit
