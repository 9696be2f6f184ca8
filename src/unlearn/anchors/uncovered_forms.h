#pragma once
// Words of a corpus that look like forms of a term which no rule of inflection.h covers: Halcyonic, Hermiony.

#include "unlearn/anchors/dictionary.h"
#include "unlearn/anchors/term_index.h"
#include "unlearn/anchors/term_matcher.h"

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace nepenthe::unlearn {

class UncoveredForms {
  public:
    // Terms of four letters and more are looked for, in the casings of `rules`.
    UncoveredForms(const Dictionary& dictionary, const MatchRules& rules);

    // Counts in one document outside `matches` (TermMatcher::find_all of it): words that begin with a term and go on
    // for up to four letters, or that do so without its last vowel or its plural s. Scripts without blanks have no
    // words to go on.
    void add(std::string_view document, const std::vector<TermMatch>& matches);

    // By term, then by the words as they are written.
    const std::map<std::uint32_t, std::map<std::string, std::int64_t>>& counts() const { return counts_; }

  private:
    TermIndex stems_;
    std::map<std::uint32_t, std::map<std::string, std::int64_t>> counts_;
};

}  // namespace nepenthe::unlearn
