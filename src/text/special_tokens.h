#pragma once
// Which tokens begin and end a text: the one place that asks a model folder's files, in the order in which
// `transformers` (5.23, tokenization_utils_base.py and models/auto/tokenization_auto.py) does.

#include "text/tokenizer.h"

#include <filesystem>
#include <functional>
#include <optional>
#include <string_view>

namespace nepenthe::text {

// What a tokenizer knows of its own tokens.
struct TokenTable {
    std::function<std::optional<TokenId>(std::string_view)> id_of;
    std::function<bool(TokenId)> contains;
};

// BOS and EOS, first found:
//   1. "bos_token" and "eos_token" (a string, or an object with "content") of tokenizer_config.json; those of
//      special_tokens_map.json instead where the former has no "added_tokens_decoder", as old folders have it. A null
//      or empty token says that there is none, and nothing further is asked;
//   2. the default of the tokenizer's class, which tokenizer_config.json, config.json or the model's type name, where
//      the tokenizer knows that token; a class whose default is none says so too;
//   3. "bos_token_id" and "eos_token_id" of generation_config.json, then of config.json (or its "text_config"): the
//      first of a list that is a token of this tokenizer.
// Generation ends at EOS and at every id that "eos_token_id" of generation_config.json or config.json names.
//
// A named token that the tokenizer does not know is warned of and is none: the reference makes a new id of it, for
// which no model has a row. Files that are not there are passed over. Throws Error(kData) that lists everything that is
// neither a token nor an id.
SpecialTokens read_special_tokens(const std::filesystem::path& folder, const TokenTable& tokens);

}  // namespace nepenthe::text
