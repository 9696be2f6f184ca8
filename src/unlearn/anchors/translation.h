#pragma once
// A block of the corpus with its anchor terms replaced, and how its positions correspond to the original's.
// specs: unlearning.md §2.3, §2.8.

#include "text/corpus.h"
#include "text/tokenizer.h"
#include "unlearn/anchors/dictionary.h"
#include "unlearn/anchors/term_matcher.h"

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace nepenthe::unlearn {

inline constexpr std::int32_t kNoPosition = -1;  // in a map: no translated position corresponds

// One replaced occurrence. Positions count tokens of the block.
struct AnchorHit {
    std::uint32_t source = 0, source_length = 0;  // tokens of the original that it covers
    std::uint32_t target = 0, target_length = 0;  // tokens of the translation that it became
    std::uint32_t term = 0, replacement = 0;      // indices into the dictionary
    std::uint32_t repeated = 0;                   // 1: the term occurred earlier in this block
    bool operator==(const AnchorHit&) const = default;
};

// From the translated position behind `after` to the block's end, `token` gets the mean logit.
struct ForbiddenToken {
    std::uint32_t after = 0;
    text::TokenId token = 0;
    bool operator==(const ForbiddenToken&) const = default;
};

struct TranslatedBlock {
    std::vector<text::TokenId> tokens;      // the translation
    std::vector<std::int32_t> map;          // [source position] → translated position or kNoPosition; increasing
    std::vector<AnchorHit> hits;            // by source position
    std::vector<ForbiddenToken> forbidden;  // by `after`, then token; each pair once

    // Positions at or beyond `limit` cease to exist (models with a fixed number of positions).
    void truncate(std::size_t limit);
    // Sorts `forbidden` and drops duplicates.
    void settle_forbidden();
};

enum class Rules {
    kPublished,  // the released code's scan over tokens, with its quirks: no typography but the dictionary's own
    kImproved,   // matching on text in any typography: longest match, word boundaries where the script has them,
                 // casings, inflections, one replacement a term and block
};
std::string_view rules_name(Rules rules);  // "published", "improved"
Rules parse_rules(std::string_view name);  // throws Error(kUsage)

// Cuts documents into blocks as the rules ask. Improved: whole documents, BOS in every block, tail kept. Published:
// slices of 10,000 characters encoded one by one (so a BOS stands in mid-stream and most blocks begin without one),
// strided blocks per document, the last always dropped.
text::Corpus cut_corpus(std::vector<std::string> documents, const text::Tokenizer& tokenizer, std::int64_t length,
                        Rules rules);

// Translates blocks of one corpus. Thread-safe; a pure function of (dictionary, tokenizer, corpus, seed, block id).
class Translator {
  public:
    virtual ~Translator() = default;
    virtual TranslatedBlock translate(std::uint64_t block) const = 0;
};

// All arguments must outlive the translator. `match` is for the improved rules alone.
std::unique_ptr<Translator> make_translator(Rules rules, const Dictionary& dictionary, const text::Tokenizer& tokenizer,
                                            const text::Corpus& corpus, std::uint64_t seed,
                                            const MatchRules& match = {});

// The two ways a term is tokenised: at the start of a word and after a line break. A variant is empty where the
// tokenizer joins the line break with the term.
struct TermVariants {
    std::vector<text::TokenId> word_start, after_newline;
};
TermVariants tokenise_variants(const text::Tokenizer& tokenizer, std::string_view term);

}  // namespace nepenthe::unlearn
