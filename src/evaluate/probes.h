#pragma once
// What the tasks depth and logit_lens ask of a model, in its tokens.

#include "evaluate/likelihood_request.h"
#include "evaluate/probe_files.h"
#include "evaluate/task.h"

#include <string>
#include <vector>

namespace nepenthe::evaluate {

// What stands before the answer: `form` with the question in the place of its "{}", a blank, and the prefix; without a
// question, the prefix alone.
std::string probe_prompt(const ProbeItem& item, const std::string& form);

// The published form (gnueaj/unlearning-depth-score), whatever chat template the model has.
inline constexpr const char* kProbeForm = "Question: {}\nAnswer:";

// An item in tokens: pair.ids[pair.context:] are the answer's, which end the sequence.
struct Probe {
    ProbeItem item;
    EncodedPair pair;
    std::vector<text::TokenId> choices;  // by letter, the token that tells it from the others; empty for an entity
};

// The beginning of an item's row: "id", "question" (or "prefix", where there is none), "answer", "tokens".
Json probe_row(std::size_t index, const Probe& probe);

struct Probes {
    std::vector<Probe> list;
    std::vector<LeftOut> left_out;
    std::string digest() const;
};

// Reads and tokenises options.probe_items. Items that do not fit into the model, or whose letters differ in more
// than a token, are named all together in Error(kData), or left out with --skip-bad; throws where none is left.
Probes encode_probes(const TaskInput& input, const std::string& task);

}  // namespace nepenthe::evaluate
