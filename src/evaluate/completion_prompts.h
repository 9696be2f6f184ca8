#pragma once
// The prompts that tasks let a model continue, as tokens.

#include "evaluate/familiarity_prompts.h"
#include "evaluate/task.h"

#include <string_view>
#include <vector>

namespace nepenthe::evaluate {

struct CompletionPrompts {
    std::vector<FamiliarityPrompt> prompts;
    std::vector<std::vector<text::TokenId>> ids;  // of each prompt, never empty
    std::int64_t new_tokens = 0;                  // that continue it
};

// The first `limit` prompts of completion_prompts_file(), to be continued by `completion_tokens` tokens, or by
// `own_tokens` where the options leave that to the task. Throws Error(kData) naming every prompt that leaves no room.
CompletionPrompts read_completion_prompts(const TaskInput& input, std::int64_t own_tokens);

// With the tokenizer's special tokens; the prefix token alone where that is nothing.
std::vector<text::TokenId> encode_completion_prompt(const text::Tokenizer& tokenizer, std::string_view prompt);

}  // namespace nepenthe::evaluate
