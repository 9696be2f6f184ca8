#pragma once
// Byte-pair encoding of one word at a time, over characters (SentencePiece style, with byte fallback) or over bytes
// (byte-level). Sennrich et al. 2016 (arXiv:1508.07909); ids and spans as the `tokenizers` package gives them.

#include "base/error.h"
#include "base/json.h"
#include "text/flat_map.h"
#include "text/tokenizer_file.h"
#include "text/unicode.h"
#include "text/word_model.h"

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

namespace nepenthe::text {

class BpeModel : public WordModel {
  public:
    // `model` is tokenizer.json's "model" without vocab and merges, which `file` holds. With `byte_level` words are
    // bytes that the byte alphabet spells. Every option that is not supported and every merge whose tokens are not
    // in the vocabulary goes to `problems`.
    BpeModel(const TokenizerFile& file, bool byte_level, Problems& problems);

    // O(n log n).
    void encode(std::string_view word, MergeBuffer& buffer, std::vector<WordToken>& tokens) const override;

    // The end of the first part of `text` that no merge crosses.
    std::size_t independent_prefix(std::string_view text) const override;

  private:
    struct Merge {
        std::uint32_t rank;
        TokenId id;
    };
    static std::uint64_t pair_key(TokenId left, TokenId right) {
        return static_cast<std::uint64_t>(static_cast<std::uint32_t>(left)) << 32 | static_cast<std::uint32_t>(right);
    }
    void read_options(const Json& model, Problems& problems);
    void read_merges(const MergeList& merges, Problems& problems);
    void find_meeting_characters(const MergeList& merges);
    // The id of the character, kNone when the vocabulary lacks it.
    TokenId character_id(std::string_view character) const;
    void split_into_symbols(std::string_view word, MergeBuffer& buffer) const;
    bool add_fallback_bytes(std::string_view character, MergeBuffer& buffer) const;
    void merge_symbols(MergeBuffer& buffer) const;
    void propose(MergeBuffer& buffer, std::uint32_t left) const;

    const Vocabulary& vocabulary_;
    bool byte_level_;
    bool byte_fallback_ = false;
    bool fuse_unknown_ = false;
    bool ignore_merges_ = false;
    bool cuts_are_safe_ = false;
    bool may_be_unknown_ = true;  // some character may have neither a token nor tokens of its bytes
    TokenId unknown_ = Vocabulary::kNone;
    bool lacks_unknown_ = false;            // the unk_token that is named is no token
    std::array<TokenId, 256> byte_ids_{};   // byte-level: of each byte; else of "<0xNN>"
    std::array<TokenId, 128> ascii_ids_{};  // of each ASCII character
    FlatMap<Merge> merges_;                 // by pair of ids
    // Pairs of characters of which some merge joins a token that ends in the first to one that begins with the second.
    FlatMap<char> meetings_;
    std::array<std::array<bool, 128>, 128> ascii_meetings_{};
};

}  // namespace nepenthe::text
