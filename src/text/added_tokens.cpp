#include "text/added_tokens.h"

#include "text/json_fields.h"

#include <algorithm>

namespace nepenthe::text {

void StringSet::add(std::string_view text, std::size_t index) {
    std::uint32_t node = 0;
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        Edge& edge = edges_.insert(static_cast<std::uint64_t>(node) << 8 | byte, {nodes_});
        if (edge.node == nodes_) {
            ++nodes_;
            ends_.push_back(kNoIndex);
        }
        node = edge.node;
    }
    if (ends_[node] == kNoIndex) ends_[node] = static_cast<std::uint32_t>(index);
    if (!text.empty()) begins_[static_cast<unsigned char>(text[0])] = true;
}

bool StringSet::find(std::string_view text, std::size_t from, Match& match) const {
    if (empty()) return false;
    for (std::size_t begin = from; begin < text.size(); ++begin) {
        if (!begins_[static_cast<unsigned char>(text[begin])]) continue;
        std::uint32_t node = 0;
        bool found = false;
        for (std::size_t at = begin; at < text.size(); ++at) {
            const Edge* edge =
                edges_.find(static_cast<std::uint64_t>(node) << 8 | static_cast<unsigned char>(text[at]));
            if (edge == nullptr) break;
            node = edge->node;
            if (ends_[node] == kNoIndex) continue;
            match = {{static_cast<std::uint32_t>(begin), static_cast<std::uint32_t>(at + 1)}, ends_[node]};
            found = true;
        }
        if (found) return true;
    }
    return false;
}

AddedTokens::AddedTokens(const Json& list, const Vocabulary& vocabulary, const Normalizer* normalizer,
                         Problems& problems) {
    if (list.is_null()) return;
    if (!list.is_array()) {
        problems.add("added_tokens: not an array");
        return;
    }
    for (std::size_t i = 0; i < list.size(); ++i) {
        read(list[i], fmt::format("added_tokens[{}]", i), vocabulary, problems);
    }
    // Special tokens come first, which decides between equal contents.
    for (const bool special : {true, false}) {
        for (std::size_t i = 0; i < tokens_.size(); ++i) {
            AddedToken& token = tokens_[i];
            if (token.special != special) continue;
            token.spelling = token.content;
            if (token.normalized && normalizer != nullptr) {
                AlignedText content(token.content, 0);
                normalizer->apply(content);
                token.spelling = content.text();
            }
            (token.normalized ? normalized_ : raw_).add(token.spelling, i);
        }
    }
}

void AddedTokens::read(const Json& entry, const std::string& where, const Vocabulary& vocabulary, Problems& problems) {
    if (!entry.is_object()) {
        problems.add("{}: not an object", where);
        return;
    }
    AddedToken token;
    const std::uint64_t id = field<std::uint64_t>(entry, "id", Vocabulary::kMaxId + 1, where, problems);
    token.content = field<std::string>(entry, "content", "", where, problems);
    token.single_word = field(entry, "single_word", false, where, problems);
    token.lstrip = field(entry, "lstrip", false, where, problems);
    token.rstrip = field(entry, "rstrip", false, where, problems);
    token.special = field(entry, "special", false, where, problems);
    token.normalized = field(entry, "normalized", !token.special, where, problems);
    if (token.content.empty()) return;  // matches nowhere
    if (id > Vocabulary::kMaxId) {
        problems.add("{}: \"{}\" has no id up to {}", where, token.content, Vocabulary::kMaxId);
        return;
    }
    token.id = static_cast<TokenId>(id);
    const TokenId known = vocabulary.find(token.content);
    if (known != Vocabulary::kNone && known != token.id) {
        problems.add("{}: \"{}\" has id {}, the vocabulary says {}", where, token.content, id, known);
        return;
    }
    if (known == Vocabulary::kNone && vocabulary.contains(token.id)) {
        problems.add("{}: \"{}\" has id {}, which is \"{}\" in the vocabulary", where, token.content, id,
                     vocabulary.token(token.id));
        return;
    }
    const auto index = static_cast<std::uint32_t>(tokens_.size());
    if (by_id_.insert(id, index) != index) {
        problems.add("{}: \"{}\" has id {}, as has \"{}\"", where, token.content, id, find(token.id)->content);
        return;
    }
    contents_.add(token.content, index);
    size_ = std::max(size_, token.id + 1);
    tokens_.push_back(std::move(token));
}

void AddedTokens::cut(std::string_view text, bool normalized, std::vector<Section>& sections) const {
    const StringSet& strings = normalized ? normalized_ : raw_;
    std::uint32_t done = 0;
    StringSet::Match match;
    for (std::size_t from = 0; strings.find(text, from, match); from = match.range.end) {
        const AddedToken& token = tokens_[match.index];
        auto [begin, end] = match.range;
        if (token.single_word) {
            std::size_t before = begin;
            while (before > 0 && is_continuation_byte(text[before - 1])) --before;
            if (begin > 0 && is_word(decode_at(text, before - 1))) continue;
            if (end < text.size() && is_word(decode_at(text, end))) continue;
        }
        while (token.lstrip && begin > done) {
            std::size_t before = begin - 1;
            while (is_continuation_byte(text[before])) --before;
            if (!is_white_space(decode_at(text, before))) break;
            begin = static_cast<std::uint32_t>(before);
        }
        while (token.rstrip && end < text.size() && is_white_space(decode_at(text, end))) {
            end += static_cast<std::uint32_t>(character_length(text[end]));
        }
        begin = std::max(begin, done);  // the token before may have taken this one's white space
        if (end <= begin) continue;
        if (done < begin) sections.push_back({{done, begin}, Vocabulary::kNone});
        sections.push_back({{begin, end}, token.id});
        done = end;
    }
    if (done < text.size()) sections.push_back({{done, static_cast<std::uint32_t>(text.size())}, Vocabulary::kNone});
}

const AddedToken* AddedTokens::find(TokenId id) const {
    const std::uint32_t* index = by_id_.find(static_cast<std::uint32_t>(id));
    return index == nullptr ? nullptr : &tokens_[*index];
}

bool AddedTokens::is_left_out(const AddedToken& token) const {
    const AddedToken* namesake = find(token.spelling);
    return namesake != nullptr && namesake->special;
}

const AddedToken* AddedTokens::find(std::string_view content) const {
    StringSet::Match match;
    if (!contents_.find(content, 0, match) || match.range != TextRange{0, static_cast<std::uint32_t>(content.size())}) {
        return nullptr;
    }
    return &tokens_[match.index];
}

}  // namespace nepenthe::text
