#pragma once
// Names that a corpus has for itself.

#include "text/ordinary_english.h"
#include "unlearn/finding/term_judge.h"
#include "unlearn/finding/text_counts.h"
#include "unlearn/finding/word_cases.h"

#include <vector>

namespace nepenthe::unlearn {

// Of `spans` (texts of name_spans.h). Several words are one term where they stand together often enough, and a word
// that stands in them alone is none of its own. Days and months are left out of corpora that date things.
std::vector<Proposal> propose_names(const WordCases& cases, const TextCounts& spans,
                                    const text::OrdinaryEnglish& english, const TermJudge& judge);

}  // namespace nepenthe::unlearn
