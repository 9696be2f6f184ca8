#pragma once
// tokenizer.json's "model": the tokens of one word, between which and its neighbours nothing is ever merged.

#include "text/vocabulary.h"

#include <cstdint>
#include <string_view>
#include <vector>

namespace nepenthe::text {

// A token of a word: its id and bytes [begin, end) of the word, widened to whole characters.
struct WordToken {
    TokenId id;
    std::uint32_t begin;
    std::uint32_t end;
};

// Memory that one word after another is merged in.
struct MergeBuffer {
    struct Symbol {
        TokenId id;
        std::uint32_t length;  // bytes; 0: merged into its left neighbour
        std::uint32_t previous, next;
    };
    struct Candidate {
        std::uint32_t rank;
        std::uint32_t position;  // of the left symbol
        TokenId id;              // of what the pair becomes
    };
    std::vector<Symbol> symbols;
    std::vector<Candidate> heap;
};

class WordModel {
  public:
    virtual ~WordModel() = default;

    // Appends the tokens of `word` (valid UTF-8) to `tokens`.
    virtual void encode(std::string_view word, MergeBuffer& buffer, std::vector<WordToken>& tokens) const = 0;

    // Where a long word can be cut without any effect on its tokens: the end of its first part.
    virtual std::size_t independent_prefix(std::string_view text) const { return text.size(); }
};

}  // namespace nepenthe::text
