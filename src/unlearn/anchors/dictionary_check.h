#pragma once
// `anchors check`: what is wrong or risky in a dictionary, term by term. specs: unlearning.md §2.2.

#include "base/json.h"
#include "text/tokenizer.h"
#include "unlearn/anchors/dictionary.h"
#include "unlearn/anchors/term_matcher.h"
#include "unlearn/anchors/written_form.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace nepenthe::unlearn {

enum class Finding {
    kNoReplacement,   // accepted by a review, and nobody has filled in what replaces it
    kPossessive,      // in 's, and the stem is a term
    kWordsAreTerms,   // several words that are all terms
    kUnreachable,     // the published scan stops at a shorter term that comes earlier
    kOrdinaryWord,    // a single word in lower case: every use of it is replaced
    kCaseTwin,        // differs from another term by case alone
    kTypographyTwin,  // differs from an earlier term by typography alone, and is never reached
    kIdentity,        // a replacement equals the term
    kSingleLetter,    // under the published rules it matches the beginning of longer words
    kTooShort,        // left alone by the matching rules in force
    kArticleFirst,    // a replacement begins with an article, which is then suppressed to the block's end
    kUncovered,       // the corpus has words that go on from it and that no rule of inflection covers
    kNoHit,           // the corpus does not contain it
};
std::string_view finding_name(Finding finding);  // "unreachable", "ordinary word" …

struct TermReport {
    std::string term;
    std::int64_t replacements = 0;
    std::int64_t hits = 0;               // occurrences in the corpus, however they are written; of these
    std::int64_t other_casing = 0;       // not in the casing that the term is given in
    std::int64_t other_typography = 0;   // with other quotes, dashes, blanks, hidden characters, forms of letters
    std::int64_t marked_up = 0;          // directly between marks: _Name_, *Name*
    std::int64_t inflected = 0;          // in the plural, with a bare apostrophe or a particle that goes by its sound
    std::vector<WrittenForm> forms;      // of the hits, the commonest first
    std::vector<WrittenForm> uncovered;  // words that no rule covers and nothing replaces, the commonest first
    struct Note {
        Finding finding;
        std::string detail;  // the other term, the replacement …
    };
    std::vector<Note> notes;
};

struct DictionaryReport {
    std::vector<TermReport> terms;  // in the dictionary's order
    bool with_corpus = false;       // hits were counted
    std::int64_t terms_after_pruning = 0;

    std::int64_t count(Finding finding) const;  // terms with this finding
    std::int64_t total_hits() const;
    Json to_json() const;
    // Aligned columns: findings with their counts, the terms concerned, the most frequent terms and how they are
    // written, words that no rule covers.
    std::string to_text(std::size_t most_terms = 40) const;
};

// Without a tokenizer, unreachable terms are judged by their text; without documents, hits are not counted.
DictionaryReport check_dictionary(const Dictionary& dictionary, const text::Tokenizer* tokenizer,
                                  const std::vector<std::string>* documents, const MatchRules& rules = {});

}  // namespace nepenthe::unlearn
