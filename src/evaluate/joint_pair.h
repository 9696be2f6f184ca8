#pragma once
// A prompt with an answer behind it, tokenised as editing does.

#include "evaluate/likelihood_request.h"

#include <string>

namespace nepenthe::evaluate {

// One joint sequence of prompt and answer (text::join_texts); what covers a character of the answer is scored
// (edit/facts/edit_prompt.h), also a token that covers the prompt's end as well. A prompt that ends in blanks is scored
// as the prompt without them. Throws Error(kData) for an answer without tokens and for a sequence longer than the
// model.
EncodedPair joint_pair(const text::Tokenizer& tokenizer, const std::string& prompt, const std::string& answer,
                       std::int64_t max_positions);

// The same with the EOS that ends the answer, where the tokenizer names one.
EncodedPair ended_pair(const text::Tokenizer& tokenizer, const std::string& prompt, const std::string& answer,
                       std::int64_t max_positions);

}  // namespace nepenthe::evaluate
