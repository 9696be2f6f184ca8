#pragma once
// The released code's translation, step by step: a scan over tokens in which the first candidate in insertion order
// wins, with no word boundary behind it. specs: unlearning.md §2.3, §2.4.

#include "unlearn/anchors/translation.h"

#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

namespace nepenthe::unlearn {

class PublishedTranslator : public Translator {
  public:
    PublishedTranslator(const Dictionary& dictionary, const text::Tokenizer& tokenizer, const text::Corpus& corpus,
                        std::uint64_t seed);
    TranslatedBlock translate(std::uint64_t block) const override;

    // The scan alone, on any tokens. `block` keys the draw of replacements.
    TranslatedBlock translate_tokens(const std::vector<text::TokenId>& source, std::uint64_t block) const;

  private:
    struct Candidate {
        std::vector<text::TokenId> key;
        std::uint32_t term;
        int variant;  // 0 at a word's start, 1 after a line break
    };
    struct Replacement {
        TermVariants variants;
        const std::vector<text::TokenId>& tokens(int variant) const;
    };
    // Per term and variant: which replacement this block uses.
    std::vector<std::uint32_t> draw(std::uint64_t block) const;
    const Candidate* first_match(const std::vector<text::TokenId>& source, std::size_t at) const;

    const text::Corpus* corpus_;
    std::uint64_t seed_;
    std::unordered_map<text::TokenId, std::vector<Candidate>> by_first_token_;
    std::vector<std::vector<Replacement>> replacements_;  // [term][replacement]
};

text::Corpus cut_published(std::vector<std::string> documents, const text::Tokenizer& tokenizer, std::int64_t length);

// Terms that the scan can never reach, because an earlier term's tokens are a prefix of theirs in every variant.
// Pairs of (term, the earlier term that hides it), as indices.
std::vector<std::pair<std::size_t, std::size_t>> unreachable_terms(const Dictionary& dictionary,
                                                                   const text::Tokenizer& tokenizer);

}  // namespace nepenthe::unlearn
