#pragma once
// WISE (arXiv 2405.14768): facts written one after the other into a side memory that answers only prompts it was edited
// for. specs: editing.md §8. What is served is model/side_memory.h.

#include "dist/comm.h"
#include "edit/facts/everyday_texts.h"
#include "edit/facts/facts.h"
#include "edit/facts/prefixes.h"
#include "edit/memories/side_training.h"
#include "edit/memories/wise_options.h"
#include "model/decoder.h"
#include "model/side_memory.h"
#include "text/tokenizer.h"

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

namespace nepenthe::edit {

struct WiseInputs {
    const text::Tokenizer* tokenizer = nullptr;
    std::vector<Fact> facts;
    std::vector<std::string> irrelevant;  // texts about something else, held out of scope; see irrelevant_texts
    std::vector<std::string> everyday = everyday_texts();  // more of that kind, unlike facts; not used as published
    std::vector<std::string> prefixes;  // the bare prompt ("") first; empty = generated from the decoder
};

struct WiseRecord {
    std::string id;
    std::uint64_t shard = 0;
    SideReport report;                // while the fact was written
    double distance_at_end = 0;       // of its bare prompt, when its shard was complete
    bool answered_by_memory = false;  // what the finished memory does with its bare prompt
};

struct WiseResult {
    std::shared_ptr<const model::SideMemory> memory;  // also attached to the decoder
    std::vector<std::string> prefixes;
    std::vector<WiseRecord> records;  // in the order of the facts
    SideScales scales;
    std::vector<std::string> warnings;
};

// Prefixes of WISE beside the bare prompt, half of them of 5 tokens, the others of 10; as published greedy ones that
// continue "I", "You", "Because", "Yes", "Q: " by so many tokens.
PrefixOptions wise_prefixes(const WiseOptions& options);
// Texts to hold out of scope, from facts that are not edited: their sentences with the true answers, where known.
// Sentences that also are among the edited facts are left out.
std::vector<std::string> irrelevant_texts(const std::vector<Fact>& pool, const std::vector<Fact>& edited);

// Collective. Trains the memory and attaches it to `decoder` (fp32), behind what it carries in the same layer already.
// Shards of options.facts_per_shard facts do not see one another and are dealt to ranks; the result does not depend on
// how many there are. `scratch` journals finished shards and may be empty. Throws Error(kUsage) for options the model
// cannot do, Error(kData) for facts that cannot be written, Error(kGate) for a loss that is not finite.
WiseResult wise(const dist::Comm& comm, model::Decoder& decoder, const WiseInputs& inputs, const WiseOptions& options,
                const std::filesystem::path& scratch);

}  // namespace nepenthe::edit
