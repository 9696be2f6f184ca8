#include "evaluate/completion_prompts.h"

#include "base/error.h"
#include "evaluate/labelled_texts.h"
#include "evaluate/likelihood_request.h"
#include "text/joined_text.h"

#include <utility>

namespace nepenthe::evaluate {

std::vector<text::TokenId> encode_completion_prompt(const text::Tokenizer& tokenizer, std::string_view prompt) {
    auto ids = encode_with_special_tokens(tokenizer, prompt);
    if (ids.empty()) ids.push_back(prefix_token(tokenizer));
    return ids;
}

std::vector<FamiliarityPrompt> prompts_as_asked(const std::filesystem::path& file, bool need_continuations,
                                                const EvaluateOptions& options) {
    auto prompts = read_familiarity_prompts(file, need_continuations);
    if (options.limit > 0 && std::cmp_less(options.limit, prompts.size())) {
        prompts.resize(static_cast<std::size_t>(options.limit));
    }
    for (FamiliarityPrompt& prompt : prompts) {
        prompt.prompt = text::without_end_blanks(fill_question(options.prompt_form, prompt.prompt));
    }
    return prompts;
}

CompletionPrompts read_completion_prompts(const TaskInput& input) {
    const EvaluateOptions& options = input.options;
    CompletionPrompts all;
    all.prompts = prompts_as_asked(completion_prompts_file(options), false, options);
    Problems problems;
    for (const FamiliarityPrompt& prompt : all.prompts) {
        all.ids.push_back(encode_completion_prompt(input.tokenizer, prompt.prompt));
        if (std::cmp_greater(all.ids.back().size(), input.config.max_positions - options.completion_tokens)) {
            problems.add("\"{}\": {} tokens and {} new ones do not fit into the model's {} positions", prompt.prompt,
                         all.ids.back().size(), options.completion_tokens, input.config.max_positions);
        }
    }
    problems.throw_if_any(ErrorKind::kData, "completion prompts");
    return all;
}

}  // namespace nepenthe::evaluate
