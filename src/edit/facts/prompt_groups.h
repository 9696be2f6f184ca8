#pragma once
// Prompts about other things that come in named groups beside an edit: KnowEdit's "locality" and "portability"
// (arXiv 2401.01286; zjunlp/EasyEdit, easyeditor/dataset/knowedit.py).

#include "edit/facts/facts.h"

#include <optional>

namespace nepenthe::edit {

// An answer that is a text, a list of answers, or a list of lists of spellings: the first spelling of the first answer,
// as EasyEdit takes it. Nothing where that is no text, or blank.
std::optional<std::string> first_answer(const Json& value);

struct PromptGroups {
    std::vector<Neighbour> prompts;  // in the order of the groups' names, each with its group's as `kind`
    std::size_t unanswered = 0;      // prompts without an answer: there is nothing to measure
};

// Groups as they are published: {kind: [{"prompt", "ground_truth"}, …]}, {kind: {"prompt": […], "ground_truth": […]}}
// (EasyEdit's own inputs), or {"New Question", "New Answer"} (EasyEdit's portability of zsRE and CounterFact). Kinds
// that are null or empty hold nothing. Throws Error(kData) for any other form.
PromptGroups read_prompt_groups(const Json& groups);

}  // namespace nepenthe::edit
