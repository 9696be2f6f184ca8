#pragma once
// Named entities that counting alone does not propose, and what entities say of the kinds of terms.

#include "text/ordinary_english.h"
#include "unlearn/finding/term_judge.h"
#include "unlearn/finding/text_counts.h"

#include <map>
#include <string>
#include <vector>

namespace nepenthe::unlearn {

// Of "LABEL<tab>text" (entities.h): entities with a capital, of seven words at most.
std::vector<Proposal> propose_entities(const TextCounts& entities, const text::OrdinaryEnglish& english,
                                       const TermJudge& judge);

// run_key() of an entity's text → the kind that most of its labels stand for, equals by their name.
std::map<std::string, std::string> entity_kinds(const TextCounts& entities);

}  // namespace nepenthe::unlearn
