#pragma once
// The word "chat" in the place of a form: the chat template of the model that is asked.

#include <filesystem>
#include <string>

namespace nepenthe::pipelines {

bool is_chat_word(const std::string& form);

// Where `form` is "chat": what the template of the model in `folder` writes around a prompt, or around question and
// answer (text/chat_form.h). Throws Error(kData) for a model without a template.
void resolve_prompt_form(std::string& form, const std::filesystem::path& folder);
void resolve_answer_form(std::string& form, const std::filesystem::path& folder);

}  // namespace nepenthe::pipelines
