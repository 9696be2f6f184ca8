#pragma once
// Runs of capitalised words that read as one name: "Mrs. Darling", "the Wicked Witch of the West", "Voyager 2".

#include "text/ordinary_english.h"
#include "text/prose.h"
#include "unlearn/finding/word_cases.h"

#include <cstddef>
#include <string>
#include <vector>

namespace nepenthe::unlearn {

// Words [begin, end) of a Prose, from a capitalised one to a capitalised one or a number.
struct NameSpan {
    std::size_t begin = 0, end = 0;
    bool operator==(const NameSpan&) const = default;
};

// From left to right, none overlapping another. A word that opens a sentence begins one where the corpus uses it as a
// name, or where it is a title before a name. "of", "of the" and "the" go between capitals.
std::vector<NameSpan> name_spans(const text::Prose& prose, const WordCases& cases,
                                 const text::OrdinaryEnglish& english);

// The words of a span as one line: a blank between them, with the word the full stop of "Mrs." and of
// initials, and the apostrophe of "Marooners' Rock".
std::string span_text(const text::Prose& prose, const NameSpan& span);

}  // namespace nepenthe::unlearn
