#pragma once
// The terms that a corpus has for itself, of what was counted in it.

#include "text/ordinary_english.h"
#include "unlearn/finding/term_judge.h"
#include "unlearn/finding/text_counts.h"
#include "unlearn/finding/word_cases.h"

#include <vector>

namespace nepenthe::unlearn {

// The share of a corpus' words in lower case that English knows; below a half it is hardly English, and words without a
// capital are not proposed.
double english_share(const WordCases& cases, const text::OrdinaryEnglish& english);

// Names, entities that are none of these, and, where the rules ask for them, words without a capital, by score, equals
// by their text; a plural is its singular's.
std::vector<Proposal> propose(const WordCases& cases, const RunCounts& runs, const text::OrdinaryEnglish& english,
                              const ProposalRules& rules);

}  // namespace nepenthe::unlearn
