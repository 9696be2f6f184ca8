#include "text/chat_form.h"

#include "base/error.h"

#include <chrono>
#include <string_view>
#include <vector>

namespace nepenthe::text {

namespace {

// Words that no template trims, escapes or looks for.
constexpr std::string_view kUserWords = "nepenthe-user-words", kAssistantWords = "nepenthe-assistant-words";

ChatOptions as_form(bool add_generation_prompt) {
    using namespace std::chrono;
    return {.add_generation_prompt = add_generation_prompt, .now = local_days{year{2024} / July / 26}};
}

// Puts `place` where `words` stand in `text`, which must hold them once, and no `place` of its own.
void replace_once(std::string& text, std::string_view words, std::string_view place) {
    const std::size_t at = text.find(words);
    if (at == std::string::npos || text.find(words, at + 1) != std::string::npos) {
        fail(ErrorKind::kData, "the model's chat template writes a message {}: it cannot be a form",
             at == std::string::npos ? "otherwise than it stands" : "more than once");
    }
    if (text.find(place) != std::string::npos)
        fail(ErrorKind::kData, "the model's chat template writes \"{}\" itself: it cannot be a form", place);
    text.replace(at, words.size(), place);
}

}  // namespace

std::string chat_prompt_form(const ChatTemplate& chat) {
    std::string text = chat.render({{"user", std::string(kUserWords)}}, as_form(true));
    replace_once(text, kUserWords, "{}");
    return text;
}

std::string chat_answer_form(const ChatTemplate& chat) {
    std::string text =
        chat.render({{"user", std::string(kUserWords)}, {"assistant", std::string(kAssistantWords)}}, as_form(false));
    replace_once(text, kUserWords, "{prompt}");
    replace_once(text, kAssistantWords, "{answer}");
    text.erase(text.find_last_not_of(" \t\r\n") + 1);
    return text;
}

}  // namespace nepenthe::text
