#pragma once
// tokenizer.json's "added_tokens": strings that are one token wherever they stand, cut out before anything is merged.

#include "base/error.h"
#include "base/json.h"
#include "text/flat_map.h"
#include "text/normalizer.h"
#include "text/vocabulary.h"

#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace nepenthe::text {

struct AddedToken {
    TokenId id = 0;
    std::string content;
    std::string spelling;      // what decoders see: the content, normalised if the token is
    bool single_word = false;  // only between non-word characters
    bool lstrip = false;       // takes the white space before it along
    bool rstrip = false;       // … and behind it
    bool normalized = true;    // looked for in normalised text
    bool special = false;      // dropped by decode(skip_special_tokens)
    bool operator==(const AddedToken&) const = default;
};

// A stretch of text: an added token, or (id kNone) what lies between two.
struct Section {
    TextRange range;
    TokenId id = Vocabulary::kNone;
};

// Finds the leftmost of some strings, the longest of those that begin there.
class StringSet {
  public:
    // Of equal strings the first counts.
    void add(std::string_view text, std::size_t index);
    bool empty() const { return nodes_ == 1; }
    struct Match {
        TextRange range;
        std::size_t index;
    };
    // The first match at or after `from`; false when there is none.
    bool find(std::string_view text, std::size_t from, Match& match) const;

  private:
    static constexpr std::uint32_t kNoIndex = ~std::uint32_t{0};
    struct Edge {
        std::uint32_t node = 0;
    };
    FlatMap<Edge> edges_;  // a trie: (node, byte) → node
    std::vector<std::uint32_t> ends_{kNoIndex};
    std::uint32_t nodes_ = 1;
    bool begins_[256] = {};
};

class AddedTokens {
  public:
    // Reads the array as the package does. A token's id is the vocabulary's, or else the next free one: what the file
    // says is compared and, where it differs, warned of. Of a content that is listed twice the last entry's flags
    // count, once special it stays so; empty contents are passed over. `normalizer` (may be null) is applied to the
    // contents that are looked for in normalised text.
    AddedTokens(const Json& list, const Vocabulary& vocabulary, const Normalizer* normalizer, Problems& problems);

    // Cuts raw text at the tokens that are looked for in it; `normalized` text at the others.
    void cut(std::string_view text, bool normalized, std::vector<Section>& sections) const;

    const AddedToken* find(TokenId id) const;
    const AddedToken* find(std::string_view content) const;
    // Whether decoding leaves the token out. Like the package, by its spelling: a special token whose content the
    // normalizer changes stays in.
    bool is_left_out(const AddedToken& token) const { return special_.contains(token.spelling); }
    bool is_special(const AddedToken& token) const { return special_.contains(token.content); }
    // Largest id + 1, 0 when there is none.
    TokenId size() const { return largest_ + 1; }

  private:
    struct Entry {
        AddedToken token;
        std::uint64_t id_in_file;
    };
    static std::optional<Entry> read(const Json& entry, const std::string& where, Problems& problems);
    void add(AddedToken token, const Vocabulary& vocabulary);
    void warn_of_other_ids(const std::vector<Entry>& entries) const;
    void set_spelling(AddedToken& token, const Normalizer* normalizer) const;

    std::vector<AddedToken> tokens_;                                // by index
    FlatMap<std::uint32_t> by_id_;                                  // the last entry of each id
    std::map<std::string, std::uint32_t, std::less<>> by_content_;  // likewise
    std::set<std::string, std::less<>> special_;
    StringSet raw_, normalized_;
    TokenId largest_ = -1;
};

}  // namespace nepenthe::text
