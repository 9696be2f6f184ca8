#pragma once
// The prompts that tasks let a model continue, as tokens.

#include "evaluate/familiarity_prompts.h"
#include "evaluate/task.h"

#include <string_view>
#include <vector>

namespace nepenthe::evaluate {

// The first `options.limit` prompts of a file, as `options.prompt_form` has them asked.
std::vector<FamiliarityPrompt> prompts_as_asked(const std::filesystem::path& file, bool need_continuations,
                                                const EvaluateOptions& options);

struct CompletionPrompts {
    std::vector<FamiliarityPrompt> prompts;
    std::vector<std::vector<text::TokenId>> ids;  // of each prompt, never empty
};

// The first `limit` prompts of completion_prompts_file(). Throws Error(kData) naming every prompt behind which
// `completion_tokens` do not fit into the model.
CompletionPrompts read_completion_prompts(const TaskInput& input);

// With the tokenizer's special tokens; the prefix token alone where that is nothing.
std::vector<text::TokenId> encode_completion_prompt(const text::Tokenizer& tokenizer, std::string_view prompt);

}  // namespace nepenthe::evaluate
