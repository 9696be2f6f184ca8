#pragma once
// Finds anchor terms in running text: longest match first, at word boundaries, in several casings.
// specs: unlearning.md §2.8 (the recommended rules).

#include "unlearn/dictionary.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace nepenthe::unlearn {

// How an occurrence is written. The replacement follows it.
enum class Casing { kAsGiven, kLower, kUpper, kTitle };
std::string apply_casing(std::string_view text, Casing casing);

struct MatchRules {
    bool casings = true;             // lower, UPPER and Title case of every term beside the term as given
    std::size_t min_characters = 3;  // shorter terms are left alone; 1 = none is
};

// One occurrence: bytes [begin, end) of the text.
struct TermMatch {
    std::uint32_t begin = 0, end = 0;
    std::uint32_t term = 0;  // index into Dictionary::entries
    Casing casing = Casing::kAsGiven;
    bool operator==(const TermMatch&) const = default;
};

// A space in a term matches any white space with at most one line break (hard-wrapped text), an apostrophe matches the
// typographic one too. The longest term at a position wins; among equals the one written as given, then the earlier
// one.
class TermMatcher {
  public:
    TermMatcher(const Dictionary& dictionary, const MatchRules& rules);

    // Occurrences from left to right, none overlapping another. `text` is valid UTF-8 of less than 4 GiB.
    std::vector<TermMatch> find_all(std::string_view text) const;

  private:
    struct Surface {
        std::string text;
        std::uint32_t term;
        Casing casing;
    };
    void add(std::string surface, std::uint32_t term, Casing casing);
    // The best match that begins at `at`; end == at where there is none.
    TermMatch match_at(std::string_view text, std::size_t at) const;

    std::array<std::vector<Surface>, 256> by_first_byte_;
};

}  // namespace nepenthe::unlearn
