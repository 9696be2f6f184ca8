#pragma once
// What a continuation reads like: how much of it repeats itself, and whether it is text at all.

#include "text/tokenizer.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace nepenthe::evaluate {

// n-grams of a sequence, and those of them that had occurred in it before.
struct NgramRepetition {
    std::int64_t repeated = 0, ngrams = 0;
    bool operator==(const NgramRepetition&) const = default;
};

// repeated / ngrams = 1 − distinct n-grams / n-grams, seq-rep-n of Welleck et al. 2019 (arXiv 1908.04319, §3).
NgramRepetition ngram_repetition(std::span<const text::TokenId> ids, std::size_t n);

inline constexpr std::array<std::size_t, 3> kRepetitionLengths = {2, 3, 4};

// Four ways of being no text; a completion may be so in several.
struct CompletionQuality {
    std::array<NgramRepetition, kRepetitionLengths.size()> repetition;  // by kRepetitionLengths, of tokens
    // The tail is a cycle: at least six tokens, or words and marks in any case, are what stood one period before, and
    // the cycle has run two and a half times.
    bool loops = false;
    // More than ten digits in a row; or more than half of the visible characters are no letters, and digits prevail
    // among these.
    bool digits = false;
    // More than half of the visible characters are no letters, and marks prevail among these. Characters of tags
    // (<br>) and entities (&nbsp;) are marks.
    bool markup = false;
    // It ends by itself after one word, or earlier; or nothing of it is visible. In scripts without blanks a character
    // is a word.
    bool stops = false;

    bool degenerate() const { return loops || digits || markup || stops; }
};

// `text` is valid UTF-8, `ids` are its tokens without the one that ended it; `ended` says whether there was one.
// Letters are those of any script.
CompletionQuality judge_completion(std::string_view text, std::span<const text::TokenId> ids, bool ended);

}  // namespace nepenthe::evaluate
