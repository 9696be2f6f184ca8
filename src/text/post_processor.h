#pragma once
// tokenizer.json's "post_processor": the special tokens around a text, and offsets without white space.

#include "base/error.h"
#include "base/json.h"
#include "text/tokenizer.h"

#include <string>
#include <vector>

namespace nepenthe::text {

struct PostProcessor {
    std::vector<TokenId> prefix;    // special tokens before …
    std::vector<TokenId> suffix;    // … and behind a text
    bool trim_offsets = false;      // tokens' offsets leave out the white space at their ends …
    bool add_prefix_space = false;  // … but for one space at the very beginning, which the pre-tokenizer put there

    // TemplateProcessing (its "single" part), ByteLevel, Sequence; null gives nothing to do. What is not supported goes
    // to `problems` by its path within the file.
    static PostProcessor from_json(const Json& json, const std::string& where, Problems& problems);
};

// White space at the ends of a token's text, in characters; "Ġ" counts as such.
struct OuterSpaces {
    std::uint32_t leading = 0;
    std::uint32_t trailing = 0;
};
OuterSpaces outer_spaces(std::string_view token);

// The offset without `spaces` characters of `text` at its ends. `first`: of the first token.
Offset trim_offset(Offset offset, OuterSpaces spaces, bool first, std::string_view text,
                   const PostProcessor& processor);

}  // namespace nepenthe::text
