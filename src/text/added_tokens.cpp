#include "text/added_tokens.h"

#include "base/log.h"
#include "text/json_fields.h"

#include <algorithm>
#include <utility>

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
    std::vector<Entry> entries;
    for (std::size_t i = 0; i < list.size(); ++i) {
        auto entry = read(list[i], fmt::format("added_tokens[{}]", i), problems);
        if (entry && !entry->token.content.empty()) entries.push_back(std::move(*entry));
    }
    // Which text a token is looked for in is decided by the first entry that makes it special; those come first, which
    // decides between equal spellings.
    std::vector<const AddedToken*> order;
    for (const Entry& entry : entries) {
        if (entry.token.special && special_.insert(entry.token.content).second) order.push_back(&entry.token);
    }
    for (const Entry& entry : entries) {
        const AddedToken* known = find(entry.token.content);
        if (known != nullptr) {
            AddedToken same = entry.token;
            same.id = known->id;
            if (same == *known) continue;
        }
        add(entry.token, vocabulary);
        if (!special_.contains(entry.token.content)) order.push_back(&entry.token);
    }
    warn_of_other_ids(entries);
    for (AddedToken& token : tokens_) set_spelling(token, normalizer);
    for (const AddedToken* token : order) {
        AddedToken spelt = *token;
        set_spelling(spelt, normalizer);
        (token->normalized ? normalized_ : raw_).add(spelt.spelling, by_content_.at(token->content));
    }
}

std::optional<AddedTokens::Entry> AddedTokens::read(const Json& entry, const std::string& where, Problems& problems) {
    if (!entry.is_object()) {
        problems.add("{}: not an object", where);
        return std::nullopt;
    }
    AddedToken token;
    const std::uint64_t id = field<std::uint64_t>(entry, "id", Vocabulary::kMaxId + 1, where, problems);
    token.content = field<std::string>(entry, "content", "", where, problems);
    token.single_word = field(entry, "single_word", false, where, problems);
    token.lstrip = field(entry, "lstrip", false, where, problems);
    token.rstrip = field(entry, "rstrip", false, where, problems);
    token.special = field(entry, "special", false, where, problems);
    token.normalized = field(entry, "normalized", !token.special, where, problems);
    return Entry{std::move(token), id};
}

void AddedTokens::add(AddedToken token, const Vocabulary& vocabulary) {
    if (const AddedToken* known = find(token.content)) {
        token.id = known->id;
    } else if (const TokenId id = vocabulary.find(token.content); id != Vocabulary::kNone) {
        token.id = id;
    } else {
        token.id = std::max(static_cast<TokenId>(vocabulary.count()), largest_ + 1);
    }
    largest_ = std::max(largest_, token.id);
    const auto index = static_cast<std::uint32_t>(tokens_.size());
    by_id_.insert(static_cast<std::uint32_t>(token.id), index) = index;
    by_content_.insert_or_assign(token.content, index);
    tokens_.push_back(std::move(token));
}

void AddedTokens::set_spelling(AddedToken& token, const Normalizer* normalizer) const {
    token.spelling = token.content;
    if (!token.normalized || normalizer == nullptr) return;
    WorkBudget budget(token.content.size());
    AlignedText content(token.content, 0, budget);
    normalizer->apply(content);
    token.spelling = content.text();
}

void AddedTokens::warn_of_other_ids(const std::vector<Entry>& entries) const {
    std::size_t others = 0;
    for (const Entry& entry : entries) {
        const AddedToken& token = *find(entry.token.content);
        if (std::cmp_equal(token.id, entry.id_in_file)) continue;
        if (others++ > 0) continue;
        log_warning("added_tokens: \"{}\" is listed with id {} and read with id {}, as the tokenizers package does",
                    token.content, entry.id_in_file, token.id);
    }
    if (others > 1) log_warning("added_tokens: {} more tokens are read with other ids than listed", others - 1);
}

void AddedTokens::cut(std::string_view text, bool normalized, std::vector<Section>& sections) const {
    const StringSet& strings = normalized ? normalized_ : raw_;
    std::uint32_t done = 0;
    StringSet::Match match;
    for (std::size_t from = 0; strings.find(text, from, match); from = match.range.end) {
        const AddedToken& token = *find(tokens_[match.index].id);
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

const AddedToken* AddedTokens::find(std::string_view content) const {
    const auto found = by_content_.find(content);
    return found == by_content_.end() ? nullptr : &tokens_[found->second];
}

}  // namespace nepenthe::text
