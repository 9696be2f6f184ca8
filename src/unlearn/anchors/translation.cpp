#include "unlearn/anchors/translation.h"

#include "base/error.h"
#include "unlearn/anchors/improved_translation.h"
#include "unlearn/anchors/published_translation.h"

#include <algorithm>
#include <tuple>

namespace nepenthe::unlearn {

namespace {

// Tokens of prefix + term that lie behind the prefix; empty when a token spans the seam.
std::vector<text::TokenId> tokens_behind(const text::Tokenizer& tokenizer, std::string_view prefix,
                                         std::string_view term) {
    const text::Encoding encoding = tokenizer.encode(fmt::format("{}{}", prefix, term), false);
    std::size_t first = 0;
    while (first < encoding.ids.size() && encoding.offsets[first].begin < prefix.size()) {
        if (encoding.offsets[first].end > prefix.size()) return {};
        ++first;
    }
    return {encoding.ids.begin() + static_cast<std::ptrdiff_t>(first), encoding.ids.end()};
}

}  // namespace

TermVariants tokenise_variants(const text::Tokenizer& tokenizer, std::string_view term) {
    TermVariants variants;
    // SentencePiece tokenizers with a dummy prefix put the word-start mark there themselves.
    const text::Encoding bare = tokenizer.encode(term, false);
    const bool marked = !bare.ids.empty() && tokenizer.token(bare.ids.front()).starts_with("\u2581");
    variants.word_start = marked ? bare.ids : tokenizer.encode_ids(fmt::format(" {}", term), false);
    variants.after_newline = tokens_behind(tokenizer, "\n", term);
    return variants;
}

void TranslatedBlock::truncate(std::size_t limit) {
    if (tokens.size() <= limit) return;
    tokens.resize(limit);
    for (std::int32_t& position : map) {
        if (position >= static_cast<std::int32_t>(limit)) position = kNoPosition;
    }
    std::erase_if(forbidden, [&](const ForbiddenToken& item) { return item.after + 1 >= limit; });
}

void TranslatedBlock::settle_forbidden() {
    const auto key = [](const ForbiddenToken& item) { return std::tuple(item.after, item.token); };
    std::sort(forbidden.begin(), forbidden.end(), [&](const auto& a, const auto& b) { return key(a) < key(b); });
    forbidden.erase(std::unique(forbidden.begin(), forbidden.end()), forbidden.end());
}

std::string_view rules_name(Rules rules) { return rules == Rules::kPublished ? "published" : "improved"; }

Rules parse_rules(std::string_view name) {
    if (name == "published") return Rules::kPublished;
    if (name == "improved") return Rules::kImproved;
    fail(ErrorKind::kUsage, "rules \"{}\" are not known; there are \"improved\" and \"published\"", name);
}

text::Corpus cut_corpus(std::vector<std::string> documents, const text::Tokenizer& tokenizer, std::int64_t length,
                        Rules rules) {
    if (rules == Rules::kPublished) return cut_published(std::move(documents), tokenizer, length);
    return text::make_corpus(std::move(documents), tokenizer, {.length = length, .bos = true, .keep_tail = true});
}

std::unique_ptr<Translator> make_translator(Rules rules, const Dictionary& dictionary, const text::Tokenizer& tokenizer,
                                            const text::Corpus& corpus, std::uint64_t seed, const MatchRules& match) {
    if (rules == Rules::kPublished) {
        return std::make_unique<PublishedTranslator>(dictionary, tokenizer, corpus, seed);
    }
    return std::make_unique<ImprovedTranslator>(dictionary, tokenizer, corpus, seed, match);
}

}  // namespace nepenthe::unlearn
