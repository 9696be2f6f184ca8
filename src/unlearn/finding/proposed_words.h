#pragma once
// Words without a capital that a corpus has for itself.

#include "text/ordinary_english.h"
#include "unlearn/finding/term_judge.h"
#include "unlearn/finding/text_counts.h"
#include "unlearn/finding/word_cases.h"

#include <vector>

namespace nepenthe::unlearn {

// Words that English does not have, nouns that it has far more rarely, and pairs (word_pairs.h) that the corpus keeps
// together: a fifth of what its rarer word, or the name in it, occurs at all.
std::vector<Proposal> propose_words(const WordCases& cases, const TextCounts& pairs,
                                    const text::OrdinaryEnglish& english, const TermJudge& judge);

}  // namespace nepenthe::unlearn
