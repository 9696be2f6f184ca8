#include "text/bpe_model.h"

#include "text/byte_alphabet.h"
#include "text/json_fields.h"

#include <algorithm>

namespace nepenthe::text {

namespace {

constexpr std::uint32_t kNoSymbol = ~std::uint32_t{0};

// Lowest rank first, leftmost first among equals; the order of std::push_heap is the reverse.
bool comes_later(const MergeBuffer::Candidate& a, const MergeBuffer::Candidate& b) {
    return a.rank != b.rank ? a.rank > b.rank : a.position > b.position;
}

char32_t last_character(std::string_view text) {
    std::size_t at = text.size() - 1;
    while (is_continuation_byte(text[at])) --at;
    return decode_at(text, at);
}

// "<0x0A>"
bool stands_for_byte(std::string_view token) {
    return token.size() == 6 && token.starts_with("<0x") && token.ends_with('>');
}

}  // namespace

BpeModel::BpeModel(const TokenizerFile& file, bool byte_level, Problems& problems)
    : vocabulary_(file.vocabulary), byte_level_(byte_level) {
    read_options(file.rest.value("model", Json::object()), problems);
    read_merges(file.merges, problems);
    for (unsigned byte = 0; byte < 256; ++byte) {
        const char raw = static_cast<char>(byte);
        byte_ids_[byte] = vocabulary_.find(byte_level_ ? to_byte_alphabet({&raw, 1}) : fmt::format("<0x{:02X}>", byte));
        if (byte < 128) ascii_ids_[byte] = vocabulary_.find({&raw, 1});
    }
    const bool all_bytes = std::find(byte_ids_.begin(), byte_ids_.end(), Vocabulary::kNone) == byte_ids_.end();
    may_be_unknown_ = !byte_fallback_ || !all_bytes;
    // A word that is looked up whole must stay whole, and so must one whose unknown characters are dropped: they move
    // the spans of all that follows.
    cuts_are_safe_ = !byte_level_ && !ignore_merges_ && (!may_be_unknown_ || unknown_ != Vocabulary::kNone);
    if (cuts_are_safe_) find_meeting_characters(file.merges);
}

void BpeModel::read_options(const Json& model, Problems& problems) {
    const std::string where = "model";
    for (const char* affix : {"continuing_subword_prefix", "end_of_word_suffix"}) {
        if (!field<std::string>(model, affix, "", where, problems).empty()) {
            problems.add("{}: \"{}\" is not supported", where, affix);
        }
    }
    if (const auto dropout = model.find("dropout"); dropout != model.end() && !dropout->is_null() && *dropout != 0.0) {
        problems.add("{}: \"dropout\" makes ids random and is not supported", where);
    }
    byte_fallback_ = field(model, "byte_fallback", false, where, problems);
    fuse_unknown_ = field(model, "fuse_unk", false, where, problems);
    ignore_merges_ = field(model, "ignore_merges", false, where, problems);
    const auto unknown = model.find("unk_token");
    if (unknown == model.end() || unknown->is_null()) return;
    const std::string token = field<std::string>(model, "unk_token", "", where, problems);
    unknown_ = vocabulary_.find(token);
    lacks_unknown_ = unknown_ == Vocabulary::kNone;
    // An empty one is common where no character can be unknown.
    if (lacks_unknown_ && !token.empty()) problems.add("{}: unk_token \"{}\" is not in the vocabulary", where, token);
}

void BpeModel::read_merges(const MergeList& merges, Problems& problems) {
    merges_.reserve(merges.size());
    std::string joined;
    std::size_t unknown = 0;
    for (std::size_t rank = 0; rank < merges.size(); ++rank) {
        const auto [left, right] = merges[rank];
        joined.assign(left).append(right);
        const TokenId left_id = vocabulary_.find(left), right_id = vocabulary_.find(right);
        const TokenId joined_id = vocabulary_.find(joined);
        if (left_id == Vocabulary::kNone || right_id == Vocabulary::kNone || joined_id == Vocabulary::kNone) {
            if (unknown++ == 0) {
                problems.add("model.merges: entry {}, \"{}\" + \"{}\", is not in the vocabulary", rank, left, right);
            }
            continue;
        }
        // Of a pair that is listed twice the later rank counts.
        merges_.insert(pair_key(left_id, right_id), {}) = {static_cast<std::uint32_t>(rank), joined_id};
    }
    if (unknown > 1) problems.add("model.merges: {} more entries are not in the vocabulary", unknown - 1);
}

void BpeModel::find_meeting_characters(const MergeList& merges) {
    for (std::size_t rank = 0; rank < merges.size(); ++rank) {
        const auto [left, right] = merges[rank];
        for (const std::string_view part : {left, right}) {
            // These stand where other characters do.
            if (part.empty() || stands_for_byte(part) || part == vocabulary_.token(unknown_)) cuts_are_safe_ = false;
        }
        if (!cuts_are_safe_) return;
        const char32_t first = last_character(left), second = decode_at(right, 0);
        if (first < 128 && second < 128) {
            ascii_meetings_[first][second] = true;
        } else {
            meetings_.insert(static_cast<std::uint64_t>(first) << 32 | second, 1);
        }
    }
}

std::size_t BpeModel::independent_prefix(std::string_view text) const {
    if (!cuts_are_safe_ || text.empty()) return text.size();
    const auto is_known = [&](std::size_t at) {
        return character_id(text.substr(at, character_length(text[at]))) != Vocabulary::kNone;
    };
    std::size_t previous = 0, at = character_length(text[0]);
    char32_t left = decode_at(text, 0);
    while (at < text.size()) {
        const char32_t right = decode_at(text, at);
        const bool may_merge = left < 128 && right < 128
                                   ? ascii_meetings_[left][right]
                                   : meetings_.contains(static_cast<std::uint64_t>(left) << 32 | right);
        // Unknown characters may be fused into one token.
        if (!may_merge && (!may_be_unknown_ || (is_known(previous) && is_known(at)))) return at;
        previous = at;
        at += character_length(text[at]);
        left = right;
    }
    return at;
}

TokenId BpeModel::character_id(std::string_view character) const {
    const auto lead = static_cast<unsigned char>(character[0]);
    if (byte_level_) return byte_ids_[lead];
    return lead < 128 ? ascii_ids_[lead] : vocabulary_.find(character);
}

bool BpeModel::add_fallback_bytes(std::string_view character, MergeBuffer& buffer) const {
    if (!byte_fallback_ || byte_level_) return false;
    for (const char byte : character) {
        if (byte_ids_[static_cast<unsigned char>(byte)] == Vocabulary::kNone) return false;
    }
    for (const char byte : character) {
        buffer.symbols.push_back({byte_ids_[static_cast<unsigned char>(byte)], 1, 0, 0});
    }
    return true;
}

void BpeModel::split_into_symbols(std::string_view word, MergeBuffer& buffer) const {
    buffer.symbols.clear();
    std::uint32_t unknown_length = 0;  // of the unknown token that is not yet written, 0: none
    const auto flush_unknown = [&] {
        if (unknown_length > 0) buffer.symbols.push_back({unknown_, unknown_length, 0, 0});
        unknown_length = 0;
    };
    for (std::size_t at = 0; at < word.size();) {
        const std::size_t length = byte_level_ ? 1 : character_length(word[at]);
        const std::string_view character = word.substr(at, length);
        at += length;
        const TokenId id = character_id(character);
        if (id != Vocabulary::kNone) {
            flush_unknown();
            buffer.symbols.push_back({id, static_cast<std::uint32_t>(length), 0, 0});
        } else if (add_fallback_bytes(character, buffer)) {
            continue;
        } else if (lacks_unknown_) {
            fail(ErrorKind::kData, "the vocabulary has neither \"{}\" nor the unk_token, which is empty",
                 byte_level_ ? to_byte_alphabet(character) : std::string(character));
        } else if (unknown_ != Vocabulary::kNone) {
            if (!fuse_unknown_) flush_unknown();
            unknown_length += static_cast<std::uint32_t>(length);
        }
    }
    flush_unknown();
    const auto count = static_cast<std::uint32_t>(buffer.symbols.size());
    for (std::uint32_t i = 0; i < count; ++i) {
        buffer.symbols[i].previous = i == 0 ? kNoSymbol : i - 1;
        buffer.symbols[i].next = i + 1 == count ? kNoSymbol : i + 1;
    }
}

void BpeModel::propose(MergeBuffer& buffer, std::uint32_t left) const {
    const std::uint32_t right = buffer.symbols[left].next;
    const Merge* merge = merges_.find(pair_key(buffer.symbols[left].id, buffer.symbols[right].id));
    if (merge == nullptr) return;
    buffer.heap.push_back({merge->rank, left, merge->id});
    std::push_heap(buffer.heap.begin(), buffer.heap.end(), comes_later);
}

void BpeModel::merge_symbols(MergeBuffer& buffer) const {
    auto& symbols = buffer.symbols;
    buffer.heap.clear();
    for (std::uint32_t i = 0; i + 1 < symbols.size(); ++i) {
        if (const Merge* merge = merges_.find(pair_key(symbols[i].id, symbols[i + 1].id))) {
            buffer.heap.push_back({merge->rank, i, merge->id});
        }
    }
    std::make_heap(buffer.heap.begin(), buffer.heap.end(), comes_later);
    while (!buffer.heap.empty()) {
        std::pop_heap(buffer.heap.begin(), buffer.heap.end(), comes_later);
        const MergeBuffer::Candidate best = buffer.heap.back();
        buffer.heap.pop_back();
        MergeBuffer::Symbol& left = symbols[best.position];
        if (left.length == 0 || left.next == kNoSymbol) continue;
        MergeBuffer::Symbol& right = symbols[left.next];
        // The pair may have changed since it was proposed.
        const Merge* merge = merges_.find(pair_key(left.id, right.id));
        if (merge == nullptr || merge->id != best.id) continue;
        left.id = best.id;
        left.length += right.length;
        right.length = 0;
        left.next = right.next;
        if (left.next != kNoSymbol) {
            symbols[left.next].previous = best.position;
            propose(buffer, best.position);
        }
        if (left.previous != kNoSymbol) propose(buffer, left.previous);
    }
}

void BpeModel::encode(std::string_view word, MergeBuffer& buffer, std::vector<WordToken>& tokens) const {
    const auto size = static_cast<std::uint32_t>(word.size());
    if (ignore_merges_) {
        const TokenId whole = vocabulary_.find(byte_level_ ? to_byte_alphabet(word) : std::string(word));
        if (whole != Vocabulary::kNone) {
            tokens.push_back({whole, 0, size});
            return;
        }
    }
    split_into_symbols(word, buffer);
    merge_symbols(buffer);
    std::uint32_t at = 0;
    for (const MergeBuffer::Symbol& symbol : buffer.symbols) {
        if (symbol.length == 0) continue;
        WordToken token{symbol.id, at, at + symbol.length};
        at = token.end;
        while (is_continuation_byte(word[token.begin])) --token.begin;
        while (token.end < size && is_continuation_byte(word[token.end])) ++token.end;
        tokens.push_back(token);
    }
}

}  // namespace nepenthe::text
