#pragma once
// tokenizer.json's "pre_tokenizer": cuts the text into words, between which nothing is ever merged.

#include "base/error.h"
#include "base/json.h"
#include "text/aligned_text.h"

#include <memory>
#include <vector>

namespace nepenthe::text {

// A text and the words that it is cut into so far.
struct Words {
    AlignedText text;
    std::vector<TextRange> ranges;  // not empty each, in order, within text
};

// How a delimiter's matches and the text between them become words.
enum class SplitBehavior { kRemoved, kIsolated, kMergedWithPrevious, kMergedWithNext, kContiguous };

// Appends to `words` what `piece` falls into. `delimiters` lie within the piece, in order; with `invert` the text
// between them is the delimiter.
void split(TextRange piece, const std::vector<TextRange>& delimiters, SplitBehavior behavior, bool invert,
           std::vector<TextRange>& words);

class PreTokenizer {
  public:
    virtual ~PreTokenizer() = default;
    virtual void apply(Words& words) const = 0;
    // The words' bytes are to be spelt in the byte alphabet (ByteLevel).
    virtual bool byte_level() const { return false; }
};

// ByteLevel (last in its Sequence), Split, Digits, Metaspace, Whitespace, WhitespaceSplit, Punctuation,
// BertPreTokenizer, Sequence; null gives none. What is not supported goes to `problems` by its path within the file.
// Punctuation knows the marks of Unicode 16, the package (and BertPreTokenizer) those of Unicode 8.
std::unique_ptr<PreTokenizer> make_pre_tokenizer(const Json& json, const std::string& where, Problems& problems);

}  // namespace nepenthe::text
