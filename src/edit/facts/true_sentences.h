#pragma once
// True sentences that facts are made of: what second moments of keys are gathered from beside running text, so that an
// edit of one name leaves other names in short sentences alone.

#include "edit/facts/facts.h"

#include <cstddef>
#include <string>
#include <vector>

namespace nepenthe::edit {

struct TrueSentences {
    std::vector<std::string> texts;     // each once, in the order of the facts
    std::vector<std::string> subjects;  // whom they are about, as normal_name() has them; sorted, each once
    std::size_t left_out = 0;           // sentences
    std::size_t without_truth = 0;      // facts whose true object is not known
};

// A name as it is compared: its words in lower case (NFKC), one blank between them, without punctuation. Characters of
// scripts that put no blanks between words are words of their own.
std::string normal_name(const std::string& name);

// The prompt, paraphrases and neighbours of every fact, completed by what is true. Of `left_out` (facts that are to be
// edited, or measured) nothing stays: no sentence whose prompt is one of theirs or names one of their subjects, or
// names a subject of `facts` that stands in one of their prompts.
TrueSentences true_sentences(const std::vector<Fact>& facts, const std::vector<Fact>& left_out);

}  // namespace nepenthe::edit
