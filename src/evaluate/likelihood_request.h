#pragma once
// A continuation to be scored after a context, as token ids: the way lm-evaluation-harness's HFLM forms them (0.4).

#include "text/tokenizer.h"

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace nepenthe::evaluate {

struct EncodedPair {
    std::vector<text::TokenId> ids;  // context, then continuation
    std::size_t context = 0;         // ids[context:] are scored; at least 1, less than ids.size()
};

// White space at the end of the context moves to the continuation. Context and context + continuation are encoded, both
// with the tokenizer's special tokens unless they begin with the text of the prefix token; what the joint encoding has
// beyond the length of the context's is the continuation. Where it has nothing beyond it (tokens merged across the
// border; the harness stops there), the continuation is encoded by itself. An empty context is BOS (EOS where there is
// none). More than `max_positions` + 1 ids are cut from the left (the last one is only predicted). Throws Error(kData)
// for a continuation without tokens or longer than the model.
EncodedPair encode_pair(const text::Tokenizer& tokenizer, std::string_view context, std::string_view continuation,
                        std::int64_t max_positions);

// Ids of a text with the tokenizer's special tokens, unless it begins with the text of the prefix token.
std::vector<text::TokenId> encode_with_special_tokens(const text::Tokenizer& tokenizer, std::string_view text);

// What stands before a text that nothing precedes: BOS, or EOS. Throws Error(kData) where the tokenizer has neither.
text::TokenId prefix_token(const text::Tokenizer& tokenizer);

}  // namespace nepenthe::evaluate
