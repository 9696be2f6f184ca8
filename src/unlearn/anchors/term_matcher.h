#pragma once
// Finds anchor terms in running text: longest match first, at word boundaries, in several casings and inflections, in
// whatever typography. specs: unlearning.md §2.8 (the recommended rules).

#include "text/aligned_text.h"
#include "unlearn/anchors/dictionary.h"
#include "unlearn/anchors/inflection.h"
#include "unlearn/anchors/term_index.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace nepenthe::unlearn {

// Goes into the key of what matches terms: another number, other occurrences.
inline constexpr int kMatchVersion = 2;

struct MatchRules {
    bool casings = true;             // lower, UPPER and Title case of every term beside the term as given
    bool inflections = true;         // plurals, s' and Korean particles (inflection.h)
    std::size_t min_characters = 3;  // shorter terms are left alone; 1 = none is. A Han or Hangul syllable counts twice
};

// One occurrence: bytes [begin, end) of the text.
struct TermMatch {
    std::uint32_t begin = 0, end = 0;
    std::uint32_t term = 0;  // index into Dictionary::entries
    Casing casing = Casing::kAsGiven;
    Inflection inflection = Inflection::kNone;
    bool operator==(const TermMatch&) const = default;
};

// The term in the comparison form, without marks around it ("_Halcyon_"); may be empty.
std::string folded_term(std::string_view term);
// Characters of a term as min_characters counts them.
std::size_t term_length(std::string_view term);
// Written forms of all terms that are long enough, the more literal ones first.
std::vector<Surface> surfaces_of(const Dictionary& dictionary, const MatchRules& rules);

// Terms and text are compared as text/folded_text.h folds them. A space in a term meets any white space with at most
// one line break. Word boundaries are asked for where the script has them: in Chinese, Japanese, Thai and their kin a
// term is found inside running text. The longest term at a position wins; among equals the one written as given, then
// the earlier one.
class TermMatcher {
  public:
    TermMatcher(const Dictionary& dictionary, const MatchRules& rules);

    // Occurrences from left to right, none overlapping another. `text` is valid UTF-8 of less than 4 GiB.
    std::vector<TermMatch> find_all(std::string_view text) const;

  private:
    struct Found {
        TermMatch match;
        std::size_t folded_end = 0;
    };
    // The best match that begins at byte `at` of the folded text.
    std::optional<Found> match_at(const text::AlignedText& folded, std::string_view text, std::size_t at) const;

    MatchRules rules_;
    TermIndex index_;
};

// Whether a word may begin or end at byte `at` of a folded text.
bool may_begin_word(std::string_view folded, std::size_t at);
bool may_end_word(std::string_view folded, std::size_t at);

}  // namespace nepenthe::unlearn
