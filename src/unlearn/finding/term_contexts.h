#pragma once
// Where terms occur in a corpus: how often, written how, in which passages, and what the words around them say about
// what kind of thing they name.

#include "text/ordinary_english.h"
#include "unlearn/anchors/term_matcher.h"

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace nepenthe::unlearn {

struct TermContexts {
    std::int64_t count = 0, lower_case = 0;
    std::map<std::string, std::int64_t> forms;
    std::vector<std::string> examples;  // the first ones
    std::vector<std::string> headings;  // the first ones with more capitals than a sentence has, for want of others
    std::int64_t as_person = 0;         // before or behind "said" and its like
    std::int64_t as_place = 0;          // behind "in", "to", "from" …
    std::int64_t with_article = 0;      // behind "the", "a", "an"

    void add(const TermContexts& other);  // what comes later in the corpus
};

// The contexts of each term in one passage, in the terms' order.
std::vector<TermContexts> contexts_of(const TermMatcher& matcher, const std::vector<std::string>& terms,
                                      std::string_view passage);

std::string to_bytes(const std::vector<TermContexts>& contexts);
std::vector<TermContexts> contexts_from_bytes(std::string_view bytes);

// A kind of kTermKinds: what a title or the head word says, then what the contexts say; a word that English does not
// have and of which nothing else is known is a coined one.
std::string kind_of(const std::string& term, const TermContexts& contexts, const text::OrdinaryEnglish& english);

}  // namespace nepenthe::unlearn
