#pragma once
// tokenizer.json as read: vocabulary and merges streamed into tables (they are nearly all of it: 33 MB for Gemma),
// the rest as JSON.

#include "base/json.h"
#include "text/vocabulary.h"

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace nepenthe::text {

// Pairs of token strings in order of rank.
class MergeList {
  public:
    void add(std::string_view left, std::string_view right);
    std::size_t size() const { return entries_.size(); }
    std::pair<std::string_view, std::string_view> operator[](std::size_t rank) const;

  private:
    struct Entry {
        std::uint64_t begin;
        std::uint32_t left, right;  // lengths
    };
    std::string characters_;
    std::vector<Entry> entries_;
};

struct TokenizerFile {
    Json rest;  // model.vocab and model.merges are left empty in it
    Vocabulary vocabulary;
    MergeList merges;
};

// Parses the file's text. Of tokens, ids and keys that are given twice the last counts, as in the package, which
// refuses them within an added token. Throws Error(kData) naming `what` for what is not JSON (NUL bytes), ids beyond
// the limit, and merges that are neither "a b" nor ["a", "b"].
TokenizerFile parse_tokenizer_file(std::string_view text, std::string_view what);

}  // namespace nepenthe::text
