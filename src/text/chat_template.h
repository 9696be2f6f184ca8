#pragma once
// Chat templates: how a model wants a conversation written, as its publisher put it beside the tokenizer, in the
// language Jinja. What is rendered equals `tokenizer.apply_chat_template(messages, tokenize=False)` of `transformers`
// (5.23, utils/chat_template_utils.py), byte for byte; docs/formats.md says which parts of the language are not there.

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace nepenthe::text {

struct ChatMessage {
    std::string role;  // "system", "user", "assistant", …
    std::string content;
};

struct ChatOptions {
    // Ends with what the assistant's answer begins with, so that a model answers and does not go on as the user.
    bool add_generation_prompt = true;
    // What templates that write a date take for now (strftime_now); this machine's own time where none is given.
    std::optional<std::chrono::local_seconds> now{};
    // What a rendering may take before it is ended (jinja/value.h counts); without, enough for any conversation of this
    // length.
    std::optional<std::uint64_t> max_steps{};
};

class ChatTemplate {
  public:
    // The template of a model folder: chat_template.jinja, else chat_template.json, else "chat_template" of
    // tokenizer_config.json (a string, or a list of named ones, of which "default" is taken), with the special tokens
    // that tokenizer_config.json and special_tokens_map.json name. Throws Error(kData) that says what was looked for
    // where there is none, and where it is no template.
    static ChatTemplate load(const std::filesystem::path& folder);

    // A template's text; `tokens` are variables that it sees ("bos_token": "<s>"). `what` names it in messages.
    // Throws Error(kData) with the line for what is no template.
    ChatTemplate(std::string_view source, std::map<std::string, std::string> tokens, std::string what);
    ChatTemplate(ChatTemplate&&) noexcept;
    ChatTemplate& operator=(ChatTemplate&&) noexcept;
    ~ChatTemplate();

    // The conversation as the model reads it; roles and contents are UTF-8. Templates are programs from outside: one
    // that loops or recurses without an end, or makes more text than a conversation has use for, is ended. Throws
    // Error(kData) with the line for that, for what is not supported, and for what the template itself refuses, with
    // its words.
    std::string render(const std::vector<ChatMessage>& messages, const ChatOptions& options = {}) const;

  private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace nepenthe::text
