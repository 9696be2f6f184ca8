#pragma once
// Two words that a corpus keeps saying together: "yellow brick", "lost boys", "Kuiper belt".

#include "text/ordinary_english.h"
#include "text/prose.h"
#include "unlearn/finding/text_counts.h"

namespace nepenthe::unlearn {

// Pairs of neighbours as they are written, that may be expressions: the second a noun in lower case that names
// somebody, some place or some thing, neither a word that English uses all the time, nor the first a number or an
// adverb.
void add_word_pairs(const text::Prose& prose, const text::OrdinaryEnglish& english, TextCounts& counts);

}  // namespace nepenthe::unlearn
