#pragma once
// Token strings and their ids, both ways.

#include "text/tokenizer.h"

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace nepenthe::text {

class Vocabulary {
  public:
    // Ids are positions in tables: beyond this a file is refused rather than believed.
    static constexpr std::uint64_t kMaxId = (1u << 22) - 1;
    static constexpr TokenId kNone = -1;

    // `id` is at most kMaxId. A token that is there already gets the new id, and its old one becomes a hole. Of two
    // tokens with one id both are found, and the last is the id's own spelling.
    void add(std::string_view token, std::uint64_t id);

    // kNone for an unknown token.
    TokenId find(std::string_view token) const;
    bool contains(TokenId id) const;
    // "" for an id without a token.
    std::string_view token(TokenId id) const;
    // Largest id + 1.
    TokenId size() const { return static_cast<TokenId>(entries_.size()); }
    // How many different tokens there are.
    std::size_t count() const { return count_; }

  private:
    struct Entry {
        std::uint64_t begin = 0;
        std::uint32_t length = 0;
        bool present = false;
    };
    std::string_view text_of(const Entry& entry) const {
        return std::string_view(characters_).substr(entry.begin, entry.length);
    }
    void rehash(std::size_t capacity);
    // The bucket that holds the token, or the free one where it belongs.
    std::size_t bucket_of(std::string_view token) const;

    std::string characters_;        // all tokens, one behind the other
    std::vector<Entry> entries_;    // by id
    std::vector<TokenId> buckets_;  // open addressing by the token's hash
    std::size_t count_ = 0;
    std::map<std::string, TokenId, std::less<>> aliases_;  // tokens whose id another token has as well
};

}  // namespace nepenthe::text
