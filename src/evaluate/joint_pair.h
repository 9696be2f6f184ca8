#pragma once
// A prompt with an answer behind it, tokenised as editing does.

#include "evaluate/likelihood_request.h"

#include <string>

namespace nepenthe::evaluate {

// One joint sequence, prompt + " " + answer; what covers a character of the answer is scored (edit/edit_prompt.h).
// Throws Error(kData) for an answer without tokens and for a sequence longer than the model.
EncodedPair joint_pair(const text::Tokenizer& tokenizer, const std::string& prompt, const std::string& answer,
                       std::int64_t max_positions);

}  // namespace nepenthe::evaluate
