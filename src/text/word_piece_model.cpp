#include "text/word_piece_model.h"

#include "text/json_fields.h"
#include "text/unicode.h"

#include <algorithm>
#include <utility>

namespace nepenthe::text {

WordPieceModel::WordPieceModel(const TokenizerFile& file, Problems& problems) : vocabulary_(file.vocabulary) {
    const Json model = file.rest.value("model", Json::object());
    prefix_ = field<std::string>(model, "continuing_subword_prefix", "##", "model", problems);
    longest_word_ = field<std::uint64_t>(model, "max_input_chars_per_word", 100, "model", problems);
    const std::string unknown = field<std::string>(model, "unk_token", "[UNK]", "model", problems);
    unknown_ = vocabulary_.find(unknown);
    if (unknown_ == Vocabulary::kNone) problems.add("model: the unk_token \"{}\" is not in the vocabulary", unknown);
    for (TokenId id = 0; id < vocabulary_.size(); ++id) {
        const std::string_view token = vocabulary_.token(id);
        longest_token_ = std::max(longest_token_, token.size());
    }
}

void WordPieceModel::encode(std::string_view word, MergeBuffer&, std::vector<WordToken>& tokens) const {
    const auto size = static_cast<std::uint32_t>(word.size());
    const WordToken whole{unknown_, 0, size};
    const auto characters = std::ranges::count_if(word, [](char byte) { return !is_continuation_byte(byte); });
    if (std::cmp_greater(characters, longest_word_)) {
        tokens.push_back(whole);
        return;
    }
    const std::size_t before = tokens.size();
    std::string continuation;
    for (std::uint32_t begin = 0; begin < size;) {
        std::string_view rest = word.substr(begin);
        if (begin > 0) {
            continuation.assign(prefix_).append(rest);
            rest = continuation;
        }
        const std::size_t marked = rest.size() - (size - begin);  // length of the prefix, if any
        std::size_t length = std::min(rest.size(), longest_token_);
        TokenId id = Vocabulary::kNone;
        for (; length > marked; --length) {
            if (length < rest.size() && is_continuation_byte(rest[length])) continue;
            id = vocabulary_.find(rest.substr(0, length));
            if (id != Vocabulary::kNone) break;
        }
        if (id == Vocabulary::kNone) {
            tokens.resize(before, whole);
            tokens.push_back(whole);
            return;
        }
        const auto end = begin + static_cast<std::uint32_t>(length - marked);
        tokens.push_back({id, begin, end});
        begin = end;
    }
}

}  // namespace nepenthe::text
