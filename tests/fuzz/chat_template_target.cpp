// Templates as any bytes: what they loop, recurse and make is bounded, and what comes out is text. The same bytes as
// the JSON files of a folder that may hold one.

#include "fuzz/target.h"
#include "io/text.h"
#include "text/chat_template.h"

using namespace nepenthe;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const std::vector<text::ChatMessage> messages = {
        {"system", "Be brief."}, {"user", " \u00e9 {{ x }}\n"}, {"assistant", "<think>a</think>b"}, {"user", ""}};
    static fuzz::FolderWithFile folder("tokenizer_config.json");
    static const bool linked = [] {
        for (const char* name : {"special_tokens_map.json", "chat_template.json"}) {
            std::filesystem::create_symlink("tokenizer_config.json", folder.path() / name);
        }
        return true;
    }();
    static_cast<void>(linked);
    folder.put(fuzz::as_text(data, size));
    fuzz::accepted([&] {
        const text::ChatOptions options{.now = std::chrono::local_seconds{}, .max_steps = 50'000};
        static_cast<void>(text::ChatTemplate::load(folder.path()).render(messages, options));
    });
    fuzz::accepted([&] {
        const text::ChatTemplate chat(fuzz::as_text(data, size), {{"bos_token", "<s>"}, {"eos_token", "</s>"}},
                                      "template");
        for (const bool prompt : {false, true}) {
            const text::ChatOptions options{
                .add_generation_prompt = prompt, .now = std::chrono::local_seconds{}, .max_steps = 50'000};
            const std::string once = chat.render(messages, options);
            fuzz::require(io::find_invalid_utf8(once) == std::string::npos, "what is rendered is UTF-8");
            fuzz::require(chat.render(messages, options) == once, "it is the same again");
        }
    });
    return 0;
}
