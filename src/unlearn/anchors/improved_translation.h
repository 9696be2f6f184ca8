#pragma once
// Translation of the text itself: terms are found by TermMatcher, the block is tokenised anew in its surroundings, and
// the map follows byte offsets. specs: unlearning.md §2.8.
//
// - One replacement a term and block, in the casing and inflection of each occurrence and with its apostrophe.
// - A position maps when what it has read ends at the same place in both texts: unmatched tokens map to the same token,
//   the last token of an occurrence maps to the last token of its replacement; where a token reaches across the seam of
//   a replacement in one tokenisation only, it does not map.
// - The position before a repeated occurrence does not map. An occurrence cut by the block's edge stays as it is, and
//   positions that would predict its inner tokens do not map.

#include "unlearn/anchors/term_matcher.h"
#include "unlearn/anchors/translation.h"

#include <cstdint>
#include <vector>

namespace nepenthe::unlearn {

class TranslatedText;

class ImprovedTranslator : public Translator {
  public:
    ImprovedTranslator(const Dictionary& dictionary, const text::Tokenizer& tokenizer, const text::Corpus& corpus,
                       std::uint64_t seed, const MatchRules& rules);
    TranslatedBlock translate(std::uint64_t block) const override;

    // All occurrences in one document, also those that blocks cut.
    const std::vector<TermMatch>& matches(std::size_t document) const { return matches_.at(document); }

  private:
    std::vector<std::uint32_t> draw(std::uint64_t block) const;
    // Hits, forbidden tokens, and no position before a repeated occurrence. `first` is the block's first position of
    // text.
    void record_hits(const text::TokenBlock& source, const text::Encoding& target, std::size_t first,
                     const TranslatedText& translated, const std::vector<TermMatch>& matches,
                     const std::vector<std::string>& replacements, const std::vector<std::uint32_t>& choice,
                     TranslatedBlock& out) const;

    const Dictionary* dictionary_;
    const text::Tokenizer* tokenizer_;
    const text::Corpus* corpus_;
    std::uint64_t seed_;
    std::vector<std::vector<TermMatch>> matches_;  // [document]
};

}  // namespace nepenthe::unlearn
