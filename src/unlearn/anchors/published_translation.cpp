#include "unlearn/anchors/published_translation.h"

#include "base/error.h"
#include "base/random.h"
#include "io/text.h"

#include <algorithm>

namespace nepenthe::unlearn {

namespace {

constexpr std::size_t kSliceCharacters = 10'000;

bool starts_with(const std::vector<text::TokenId>& tokens, std::size_t at, const std::vector<text::TokenId>& key) {
    return at + key.size() <= tokens.size() &&
           std::equal(key.begin(), key.end(), tokens.begin() + static_cast<std::ptrdiff_t>(at));
}

// Ids and offsets of one document, sliced.
text::Encoding encode_slices(const std::string& document, const text::Tokenizer& tokenizer) {
    text::Encoding stream;
    std::size_t begin = 0;
    while (begin < document.size()) {
        const std::string_view rest = std::string_view(document).substr(begin);
        const std::size_t bytes = io::bytes_of_code_points(rest, kSliceCharacters);
        const text::Encoding slice = tokenizer.encode(rest.substr(0, bytes), true);
        stream.ids.insert(stream.ids.end(), slice.ids.begin(), slice.ids.end());
        for (text::Offset offset : slice.offsets) {
            const bool special = offset.begin == 0 && offset.end == 0;
            const auto shift = special ? 0u : static_cast<std::uint32_t>(begin);
            stream.offsets.push_back({offset.begin + shift, offset.end + shift});
        }
        begin += bytes;
    }
    return stream;
}

}  // namespace

const std::vector<text::TokenId>& PublishedTranslator::Replacement::tokens(int variant) const {
    // A replacement that has no form after a line break is written as at a word's start.
    return variant == 1 && !variants.after_newline.empty() ? variants.after_newline : variants.word_start;
}

PublishedTranslator::PublishedTranslator(const Dictionary& dictionary, const text::Tokenizer& tokenizer,
                                         const text::Corpus& corpus, std::uint64_t seed)
    : corpus_(&corpus), seed_(seed) {
    for (std::uint32_t term = 0; term < dictionary.entries.size(); ++term) {
        const DictionaryEntry& entry = dictionary.entries[term];
        TermVariants variants = tokenise_variants(tokenizer, entry.term);
        for (auto [key, variant] : {std::pair(&variants.word_start, 0), std::pair(&variants.after_newline, 1)}) {
            if (!key->empty()) by_first_token_[key->front()].push_back({*key, term, variant});
        }
        auto& values = replacements_.emplace_back();
        for (const std::string& replacement : entry.replacements) {
            values.push_back({tokenise_variants(tokenizer, replacement)});
        }
    }
}

std::vector<std::uint32_t> PublishedTranslator::draw(std::uint64_t block) const {
    RandomStream random(seed_, "relabel.translation", block);
    std::vector<std::uint32_t> choice;
    choice.reserve(2 * replacements_.size());
    for (const auto& values : replacements_) {
        for (int variant = 0; variant < 2; ++variant) {
            choice.push_back(static_cast<std::uint32_t>(random.below(values.size())));
        }
    }
    return choice;
}

const PublishedTranslator::Candidate* PublishedTranslator::first_match(const std::vector<text::TokenId>& source,
                                                                       std::size_t at) const {
    const auto candidates = by_first_token_.find(source[at]);
    if (candidates == by_first_token_.end()) return nullptr;
    for (const Candidate& candidate : candidates->second) {
        if (starts_with(source, at, candidate.key)) return &candidate;
    }
    return nullptr;
}

TranslatedBlock PublishedTranslator::translate(std::uint64_t block) const {
    return translate_tokens(corpus_->blocks.at(block).ids, block);
}

TranslatedBlock PublishedTranslator::translate_tokens(const std::vector<text::TokenId>& source,
                                                      std::uint64_t block) const {
    const std::vector<std::uint32_t> choice = draw(block);
    std::vector<bool> seen(replacements_.size(), false);
    TranslatedBlock out;
    out.map.assign(source.size(), kNoPosition);
    for (std::size_t at = 0; at < source.size();) {
        const Candidate* match = first_match(source, at);
        if (match == nullptr) {
            out.map[at++] = static_cast<std::int32_t>(out.tokens.size());
            out.tokens.push_back(source[at - 1]);
            continue;
        }
        const std::uint32_t chosen = choice[2 * match->term + static_cast<std::uint32_t>(match->variant)];
        const Replacement& replacement = replacements_[match->term][chosen];
        const auto& value = replacement.tokens(match->variant);
        const auto target = static_cast<std::uint32_t>(out.tokens.size());
        if (seen[match->term] && at > 0) out.map[at - 1] = kNoPosition;
        out.tokens.insert(out.tokens.end(), value.begin(), value.end());
        out.map[at + match->key.size() - 1] = static_cast<std::int32_t>(out.tokens.size()) - 1;
        for (const auto* variant : {&replacement.variants.word_start, &replacement.variants.after_newline}) {
            if (!variant->empty()) out.forbidden.push_back({target, variant->front()});
        }
        out.hits.push_back({static_cast<std::uint32_t>(at), static_cast<std::uint32_t>(match->key.size()), target,
                            static_cast<std::uint32_t>(value.size()), match->term, chosen,
                            seen[match->term] ? 1u : 0u});
        seen[match->term] = true;
        at += match->key.size();
    }
    out.settle_forbidden();
    return out;
}

text::Corpus cut_published(std::vector<std::string> documents, const text::Tokenizer& tokenizer, std::int64_t length) {
    NEPENTHE_CHECK(length > 1);
    text::Corpus corpus;
    for (std::size_t i = 0; i < documents.size(); ++i) {
        const text::Encoding stream = encode_slices(documents[i], tokenizer);
        const auto step = static_cast<std::size_t>(length);
        // The last block of the stream is dropped, whether it is full or not.
        for (std::size_t begin = 0; begin + step < stream.ids.size(); begin += step) {
            const auto from = static_cast<std::ptrdiff_t>(begin), to = static_cast<std::ptrdiff_t>(begin + step);
            corpus.blocks.push_back({static_cast<std::uint32_t>(i),
                                     {stream.ids.begin() + from, stream.ids.begin() + to},
                                     {stream.offsets.begin() + from, stream.offsets.begin() + to}});
        }
    }
    corpus.digest = text::documents_digest(documents);
    corpus.documents = std::move(documents);
    return corpus;
}

std::vector<std::pair<std::size_t, std::size_t>> unreachable_terms(const Dictionary& dictionary,
                                                                   const text::Tokenizer& tokenizer) {
    struct Known {
        std::vector<text::TokenId> key;
        std::size_t term;
    };
    std::unordered_map<text::TokenId, std::vector<Known>> by_first;
    const auto hidden_by = [&](const std::vector<text::TokenId>& key) -> const Known* {
        if (key.empty()) return nullptr;
        for (const Known& known : by_first[key.front()]) {
            if (starts_with(key, 0, known.key)) return &known;
        }
        return nullptr;
    };
    std::vector<std::pair<std::size_t, std::size_t>> unreachable;
    for (std::size_t term = 0; term < dictionary.entries.size(); ++term) {
        const TermVariants variants = tokenise_variants(tokenizer, dictionary.entries[term].term);
        const Known* word_start = hidden_by(variants.word_start);
        const Known* after_newline = hidden_by(variants.after_newline);
        if (word_start && (after_newline || variants.after_newline.empty())) {
            unreachable.emplace_back(term, word_start->term);
        }
        for (const auto* key : {&variants.word_start, &variants.after_newline}) {
            if (!key->empty()) by_first[key->front()].push_back({*key, term});
        }
    }
    return unreachable;
}

}  // namespace nepenthe::unlearn
