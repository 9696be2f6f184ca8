#include "pipelines/chat_word.h"

#include "text/chat_form.h"

namespace nepenthe::pipelines {

bool is_chat_word(const std::string& form) { return form == "chat"; }

void resolve_prompt_form(std::string& form, const std::filesystem::path& folder) {
    if (is_chat_word(form)) form = text::chat_prompt_form(text::ChatTemplate::load(folder));
}

void resolve_answer_form(std::string& form, const std::filesystem::path& folder) {
    if (is_chat_word(form)) form = text::chat_answer_form(text::ChatTemplate::load(folder));
}

}  // namespace nepenthe::pipelines
