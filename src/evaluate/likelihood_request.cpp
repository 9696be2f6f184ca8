#include "evaluate/likelihood_request.h"

#include "base/error.h"
#include "evaluate/python_strings.h"

#include <algorithm>
#include <string>

namespace nepenthe::evaluate {

namespace {

EncodedPair encode_after_nothing(const text::Tokenizer& tokenizer, std::string_view continuation) {
    EncodedPair pair{tokenizer.encode_ids(continuation, false), 1};
    const text::TokenId prefix = prefix_token(tokenizer);
    if (pair.ids.empty() || pair.ids.front() != prefix) pair.ids.insert(pair.ids.begin(), prefix);
    return pair;
}

EncodedPair encode_after_context(const text::Tokenizer& tokenizer, std::string_view context,
                                 std::string_view continuation) {
    const std::string whole = std::string(context) + std::string(continuation);
    const std::string_view stripped = strip_end(context);
    const auto joint = encode_with_special_tokens(tokenizer, whole);
    EncodedPair pair{encode_with_special_tokens(tokenizer, stripped), 0};
    pair.context = pair.ids.size();
    if (joint.size() > pair.context) {
        pair.ids.insert(pair.ids.end(), joint.begin() + static_cast<std::ptrdiff_t>(pair.context), joint.end());
    } else {
        const auto alone = tokenizer.encode_ids(std::string_view(whole).substr(stripped.size()), false);
        pair.ids.insert(pair.ids.end(), alone.begin(), alone.end());
    }
    return pair;
}

}  // namespace

text::TokenId prefix_token(const text::Tokenizer& tokenizer) {
    if (const auto bos = tokenizer.bos()) return *bos;
    if (const auto eos = tokenizer.eos()) return *eos;
    fail(ErrorKind::kData,
         "the tokenizer names neither a beginning-of-sequence nor an end-of-sequence token, so that nothing can stand "
         "before the first token of a text; set \"bos_token\" or \"eos_token\" in tokenizer_config.json");
}

std::vector<text::TokenId> encode_with_special_tokens(const text::Tokenizer& tokenizer, std::string_view text) {
    const auto prefix = tokenizer.bos() ? tokenizer.bos() : tokenizer.eos();
    const bool has_prefix = prefix && text.starts_with(tokenizer.token(*prefix));
    return tokenizer.encode_ids(text, !has_prefix);
}

EncodedPair encode_pair(const text::Tokenizer& tokenizer, std::string_view context, std::string_view continuation,
                        std::int64_t max_positions) {
    EncodedPair pair = context.empty() ? encode_after_nothing(tokenizer, continuation)
                                       : encode_after_context(tokenizer, context, continuation);
    if (pair.context == 0 && !pair.ids.empty()) {
        // A context of white space alone, and a tokenizer that adds no special tokens.
        pair.ids.insert(pair.ids.begin(), prefix_token(tokenizer));
        pair.context = 1;
    }
    if (pair.ids.size() <= pair.context) {
        fail(ErrorKind::kData, "the continuation \"{}\" adds no token to its context", continuation);
    }
    const std::size_t scored = pair.ids.size() - pair.context, room = static_cast<std::size_t>(max_positions);
    if (scored > room) {
        fail(ErrorKind::kData, "a continuation of {} tokens is longer than the model's {} positions", scored, room);
    }
    if (pair.ids.size() > room + 1) {
        const std::size_t cut = pair.ids.size() - (room + 1);
        pair.ids.erase(pair.ids.begin(), pair.ids.begin() + static_cast<std::ptrdiff_t>(cut));
        pair.context -= cut;
    }
    return pair;
}

}  // namespace nepenthe::evaluate
