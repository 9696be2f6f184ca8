#pragma once
// From bytes of a text to the tokens that cover them: a subject within a prompt, an anchor within a block.

#include "text/tokenizer.h"

#include <cstddef>
#include <span>

namespace nepenthe::text {

// Tokens [begin, end) by index.
struct TokenSpan {
    std::size_t begin = 0;
    std::size_t end = 0;
    bool empty() const { return begin == end; }
    bool operator==(const TokenSpan&) const = default;
};

// The tokens that share a byte with `bytes`; empty when none does. Tokens without text (BOS) never do.
inline TokenSpan tokens_covering(std::span<const Offset> offsets, Offset bytes) {
    TokenSpan span;
    for (std::size_t i = 0; i < offsets.size(); ++i) {
        if (offsets[i].begin >= bytes.end || offsets[i].end <= bytes.begin || offsets[i].begin == offsets[i].end)
            continue;
        if (span.empty()) span.begin = i;
        span.end = i + 1;
    }
    return span;
}

}  // namespace nepenthe::text
