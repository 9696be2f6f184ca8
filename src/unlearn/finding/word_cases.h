#pragma once
// In which cases a corpus writes its words, and which of them it therefore uses as names.

#include "text/ordinary_english.h"
#include "text/prose.h"

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

namespace nepenthe::unlearn {

// How often a word is written …
struct CaseCounts {
    std::int64_t lower = 0;
    std::int64_t inside = 0;   // capitalised where nothing but the word asks for it
    std::int64_t opening = 0;  // capitalised where any word would be
    std::int64_t upper = 0;    // all in capitals
    std::int64_t capital() const { return inside + opening + upper; }
    std::int64_t total() const { return lower + capital(); }
    bool operator==(const CaseCounts&) const = default;
};

// Counts add up: those of passages make those of the corpus, in whatever order they are added.
class WordCases {
  public:
    void add(const text::Prose& prose);
    void add(const WordCases& other);

    // By the word in lower case.
    CaseCounts find(const std::string& word) const;
    const std::map<std::string, CaseCounts>& counts() const { return counts_; }
    std::int64_t words() const { return words_; }  // numbers are none
    // As text::Prose counts them.
    std::int64_t citations() const { return citations_; }
    std::int64_t without_blanks() const { return without_blanks_; }

    std::string to_bytes() const;
    static WordCases from_bytes(std::string_view bytes);

  private:
    std::map<std::string, CaseCounts> counts_;
    std::int64_t words_ = 0, citations_ = 0, without_blanks_ = 0;
};

// "i", the articles: words whose capital says nothing wherever it stands.
bool is_never_a_name(std::string_view word);
// A title that goes before a name: "mrs", "aunt", "king" …
bool is_title(std::string_view word);

// The corpus uses `word` (in lower case) as a name: inside sentences it is capitalised as often as not, or it is seen
// in capitals alone and is no word of English.
bool is_name(const std::string& word, const WordCases& cases, const text::OrdinaryEnglish& english);

}  // namespace nepenthe::unlearn
