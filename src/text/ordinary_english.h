#pragma once
// How often ordinary English uses its words: a table counted in public-domain novels and in WordNet's glosses
// (scripts/make-ordinary-english.py), and what its nouns name.

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>

namespace nepenthe::text {

enum class NounKind : std::uint8_t { kNone, kPerson, kAnimal, kPlace, kThing, kOther };

struct OrdinaryWord {
    double count = 0;          // occurrences among OrdinaryEnglish::total(), to a factor of 1.2; 0 = not listed
    double capital_share = 0;  // of its occurrences inside sentences, those with a capital: 1 for Kansas, 0 for lion
    NounKind kind = NounKind::kNone;
};

class OrdinaryEnglish {
  public:
    // The table that the program carries.
    static const OrdinaryEnglish& instance();
    // Throws Error(kInternal) where a line is not as the table's head describes it.
    explicit OrdinaryEnglish(std::string_view table);

    // Occurrences of all words that are listed.
    double total() const { return total_; }
    // `word` in lower case, with "'" for every apostrophe.
    OrdinaryWord find(std::string_view word) const;
    // Of a noun, of what it may be the plural of, or of the last part of a compound of listed words (redskins).
    NounKind noun_kind(std::string_view word) const;
    // A noun that names somebody, some animal, place or thing.
    bool is_concrete_noun(std::string_view word) const;
    // The word is listed, or made of listed words by endings (-s, -ed, -ing, -ly, -ness …), prefixes or by writing two
    // together. Rare forms of that kind are not in the table, so whoever asks for names asks this.
    bool knows(std::string_view word) const;

  private:
    bool knows(std::string_view word, int depth) const;

    std::unordered_map<std::string_view, OrdinaryWord> words_;  // views into the table
    double total_ = 0;
};

}  // namespace nepenthe::text
