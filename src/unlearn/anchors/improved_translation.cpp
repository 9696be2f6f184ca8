#include "unlearn/anchors/improved_translation.h"

#include "base/error.h"
#include "base/random.h"

#include <algorithm>
#include <numeric>
#include <span>
#include <string>

namespace nepenthe::unlearn {

namespace {

// Text around a block that is tokenised with it, so that its edges are cut as they were in the whole document.
constexpr std::size_t kContextBytes = 64;

bool continues_character(std::string_view text, std::size_t at) {
    return at < text.size() && (static_cast<unsigned char>(text[at]) & 0xC0) == 0x80;
}

// Occurrences that lie inside a block, and those that its edges cut.
struct BlockMatches {
    std::vector<TermMatch> inside, cut;
};

BlockMatches matches_in(const std::vector<TermMatch>& all, std::uint32_t begin, std::uint32_t end) {
    BlockMatches out;
    auto match = std::partition_point(all.begin(), all.end(), [&](const TermMatch& m) { return m.end <= begin; });
    for (; match != all.end() && match->begin < end; ++match) {
        (match->begin >= begin && match->end <= end ? out.inside : out.cut).push_back(*match);
    }
    return out;
}

}  // namespace

// The translated text of a block with its surroundings, and where places of the original lie in it.
class TranslatedText {
  public:
    TranslatedText(std::string_view document, std::uint32_t begin, std::uint32_t end,
                   const std::vector<TermMatch>& matches, const std::vector<std::string>& replacements)
        : begin_(begin), matches_(matches) {
        std::size_t context = begin - std::min<std::size_t>(begin, kContextBytes);
        while (continues_character(document, context)) ++context;
        text_ = document.substr(context, begin - context);
        left_ = text_.size();
        std::size_t copied = begin;
        for (std::size_t i = 0; i < matches.size(); ++i) {
            text_ += document.substr(copied, matches[i].begin - copied);
            text_ += replacements[i];
            copied = matches[i].end;
            shift_.push_back(static_cast<std::int64_t>(replacements[i].size()) -
                             static_cast<std::int64_t>(matches[i].end - matches[i].begin));
        }
        text_ += document.substr(copied, end - copied);
        right_ = text_.size();
        std::size_t behind = std::min<std::size_t>(end + kContextBytes, document.size());
        while (continues_character(document, behind)) --behind;
        text_ += document.substr(end, std::max<std::size_t>(behind, end) - end);
    }

    const std::string& text() const { return text_; }
    std::size_t left() const { return left_; }    // where the block begins
    std::size_t right() const { return right_; }  // where it ends

    // Place of the original's byte `at`, which lies in no occurrence (its ends are fine).
    std::uint32_t place(std::uint32_t at) const {
        std::int64_t moved = static_cast<std::int64_t>(at - begin_) + static_cast<std::int64_t>(left_);
        for (std::size_t i = 0; i < matches_.size() && matches_[i].end <= at; ++i) moved += shift_[i];
        return static_cast<std::uint32_t>(moved);
    }

  private:
    std::uint32_t begin_;
    const std::vector<TermMatch>& matches_;
    std::vector<std::int64_t> shift_;
    std::string text_;
    std::size_t left_ = 0, right_ = 0;
};

namespace {

// Aligns source tokens with translated ones; both walk from left to right, so the map increases.
class Aligner {
  public:
    Aligner(const text::TokenBlock& source, const text::Encoding& target, const TranslatedText& translated,
            const BlockMatches& matches)
        : source_(source), target_(target), translated_(translated), matches_(matches) {}

    std::vector<std::int32_t> map(std::size_t first) {
        std::vector<std::int32_t> out(source_.ids.size(), kNoPosition);
        for (std::size_t i = first; i < source_.ids.size(); ++i) out[i] = align(i);
        return out;
    }

  private:
    std::int32_t align(std::size_t i) {
        const text::Offset span = source_.offsets[i];
        if (ends_inside_cut(span)) return kNoPosition;
        const TermMatch* match = last_overlapping(span);
        if (match == nullptr) return same_token(source_.ids[i], span);
        // Only the token that closes the occurrence has read what the replacement's last token has read.
        if (span.end < match->end) return kNoPosition;
        const bool more = i + 1 < source_.ids.size() && source_.offsets[i + 1].begin < match->end;
        return more ? kNoPosition : same_end(span.end);
    }

    bool ends_inside_cut(text::Offset span) const {
        return std::any_of(matches_.cut.begin(), matches_.cut.end(),
                           [&](const TermMatch& cut) { return span.end > cut.begin && span.end < cut.end; });
    }

    const TermMatch* last_overlapping(text::Offset span) const {
        const auto& inside = matches_.inside;
        const auto behind =
            std::partition_point(inside.begin(), inside.end(), [&](const TermMatch& m) { return m.begin < span.end; });
        return behind != inside.begin() && std::prev(behind)->end > span.begin ? &*std::prev(behind) : nullptr;
    }

    std::int32_t same_token(text::TokenId id, text::Offset span) {
        const text::Offset wanted{translated_.place(span.begin), translated_.place(span.end)};
        while (next_ < target_.ids.size() && target_.offsets[next_].begin < wanted.begin) ++next_;
        for (std::size_t j = next_; j < target_.ids.size() && target_.offsets[j].begin == wanted.begin; ++j) {
            if (target_.offsets[j] == wanted && target_.ids[j] == id) return take(j);
        }
        return kNoPosition;
    }

    std::int32_t same_end(std::uint32_t end) {
        const std::uint32_t wanted = translated_.place(end);
        while (next_ < target_.ids.size() && target_.offsets[next_].end < wanted) ++next_;
        std::size_t behind = next_;
        while (behind < target_.ids.size() && target_.offsets[behind].end == wanted) ++behind;
        return behind > next_ ? take(behind - 1) : kNoPosition;
    }

    std::int32_t take(std::size_t j) {
        next_ = j + 1;
        return static_cast<std::int32_t>(j);
    }

    const text::TokenBlock& source_;
    const text::Encoding& target_;
    const TranslatedText& translated_;
    const BlockMatches& matches_;
    std::size_t next_ = 0;
};

// The tokens of `encoding` that touch bytes [left, right), with their offsets.
text::Encoding touching(const text::Encoding& encoding, std::size_t left, std::size_t right) {
    text::Encoding out;
    for (std::size_t i = 0; i < encoding.ids.size(); ++i) {
        const text::Offset span = encoding.offsets[i];
        if ((span.end > left || left == 0) && span.begin < right) {
            out.ids.push_back(encoding.ids[i]);
            out.offsets.push_back(span);
        }
    }
    return out;
}

// First index and number of tokens that touch bytes [begin, end), counted from `first`.
std::pair<std::uint32_t, std::uint32_t> token_range(std::span<const text::Offset> offsets, std::size_t first,
                                                    std::uint32_t begin, std::uint32_t end) {
    std::size_t from = first;
    while (from < offsets.size() && offsets[from].end <= begin) ++from;
    std::size_t to = from;
    while (to < offsets.size() && offsets[to].begin < end) ++to;
    return {static_cast<std::uint32_t>(from), static_cast<std::uint32_t>(to - from)};
}

// Counts all translated positions behind the BOS, which stands before both texts.
void put_bos_first(text::TokenId bos, TranslatedBlock& block) {
    block.tokens.insert(block.tokens.begin(), bos);
    for (std::int32_t& position : block.map) position += position == kNoPosition ? 0 : 1;
    block.map.front() = 0;
}

TranslatedBlock unchanged(const text::TokenBlock& source) {
    TranslatedBlock out;
    out.tokens = source.ids;
    out.map.resize(source.ids.size());
    std::iota(out.map.begin(), out.map.end(), 0);
    return out;
}

}  // namespace

ImprovedTranslator::ImprovedTranslator(const Dictionary& dictionary, const text::Tokenizer& tokenizer,
                                       const text::Corpus& corpus, std::uint64_t seed, const MatchRules& rules)
    : dictionary_(&dictionary), tokenizer_(&tokenizer), corpus_(&corpus), seed_(seed) {
    const TermMatcher matcher(dictionary, rules);
    for (const std::string& document : corpus.documents) matches_.push_back(matcher.find_all(document));
}

// Replacements of this block: one a term.
std::vector<std::uint32_t> ImprovedTranslator::draw(std::uint64_t block) const {
    RandomStream random(seed_, "relabel.translation", block);
    std::vector<std::uint32_t> choice;
    choice.reserve(dictionary_->entries.size());
    for (const DictionaryEntry& entry : dictionary_->entries) {
        choice.push_back(static_cast<std::uint32_t>(random.below(entry.replacements.size())));
    }
    return choice;
}

TranslatedBlock ImprovedTranslator::translate(std::uint64_t block) const {
    const text::TokenBlock& source = corpus_->blocks.at(block);
    const std::size_t first = !source.ids.empty() && tokenizer_->bos() == source.ids.front() ? 1 : 0;
    if (source.ids.size() == first) return unchanged(source);
    const std::uint32_t begin = source.offsets[first].begin, end = source.offsets.back().end;
    const BlockMatches matches = matches_in(matches_.at(source.document), begin, end);
    if (matches.inside.empty() && matches.cut.empty()) return unchanged(source);

    const std::vector<std::uint32_t> choice = draw(block);
    const std::string_view document = corpus_->documents[source.document];
    std::vector<std::string> replacements;
    for (const TermMatch& match : matches.inside) {
        const std::string& chosen = dictionary_->entries[match.term].replacements[choice[match.term]];
        replacements.push_back(replacement_like(chosen, match.inflection, match.casing,
                                                document.substr(match.begin, match.end - match.begin)));
    }
    const TranslatedText translated(document, begin, end, matches.inside, replacements);
    const text::Encoding target =
        touching(tokenizer_->encode(translated.text(), false), translated.left(), translated.right());

    TranslatedBlock out;
    out.map = Aligner(source, target, translated, matches).map(first);
    out.tokens = target.ids;
    if (first == 1) put_bos_first(source.ids.front(), out);
    record_hits(source, target, first, translated, matches.inside, replacements, choice, out);
    // Nor is a repeated term's beginning predicted where the block's end cuts the term.
    const auto seen = [&](std::uint32_t term) {
        return std::any_of(out.hits.begin(), out.hits.end(), [&](const AnchorHit& hit) { return hit.term == term; });
    };
    for (const TermMatch& cut : matches.cut) {
        const std::uint32_t at = token_range(source.offsets, first, cut.begin, cut.end).first;
        if (cut.end > end && at > 0 && seen(cut.term)) out.map[at - 1] = kNoPosition;
    }
    out.settle_forbidden();
    return out;
}

void ImprovedTranslator::record_hits(const text::TokenBlock& source, const text::Encoding& target, std::size_t first,
                                     const TranslatedText& translated, const std::vector<TermMatch>& matches,
                                     const std::vector<std::string>& replacements,
                                     const std::vector<std::uint32_t>& choice, TranslatedBlock& out) const {
    std::vector<bool> seen(dictionary_->entries.size(), false);
    for (std::size_t i = 0; i < matches.size(); ++i) {
        const TermMatch& match = matches[i];
        const auto [at, length] = token_range(source.offsets, first, match.begin, match.end);
        const std::uint32_t target_end = translated.place(match.end);
        const auto bytes = static_cast<std::uint32_t>(replacements[i].size());
        auto [target_at, target_length] = token_range(target.offsets, 0, target_end - bytes, target_end);
        target_at += static_cast<std::uint32_t>(first);
        if (seen[match.term] && at > 0) out.map[at - 1] = kNoPosition;
        out.hits.push_back(
            {at, length, target_at, target_length, match.term, choice[match.term], seen[match.term] ? 1u : 0u});
        seen[match.term] = true;
        const TermVariants variants = tokenise_variants(*tokenizer_, replacements[i]);
        for (const auto* variant : {&variants.word_start, &variants.after_newline}) {
            if (!variant->empty()) out.forbidden.push_back({target_at, variant->front()});
        }
    }
}

}  // namespace nepenthe::unlearn
