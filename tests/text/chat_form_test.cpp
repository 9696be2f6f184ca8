// Chat templates as forms that prompts and answers are put into.
#include "text/chat_form.h"

#include "base/error.h"

#include <gtest/gtest.h>

namespace nepenthe::text {
namespace {

ChatTemplate chat_of(const std::string& source) { return {source, {{"bos_token", "<s>"}}, "chat_template.jinja"}; }

const std::string kRoles =
    "{{ bos_token }}{% for message in messages %}<|{{ message.role }}|>\n{{ message.content | trim }}<|end|>\n"
    "{% endfor %}{% if add_generation_prompt %}<|assistant|>\n{% endif %}";

TEST(ChatForm, IsWhatTheTemplateWritesAroundAMessage) {
    const ChatTemplate chat = chat_of(kRoles);
    EXPECT_EQ(chat_prompt_form(chat), "<s><|user|>\n{}<|end|>\n<|assistant|>\n");
    // Behind the end of the turn nothing is said.
    EXPECT_EQ(chat_answer_form(chat), "<s><|user|>\n{prompt}<|end|>\n<|assistant|>\n{answer}<|end|>");
    const ChatTemplate system =
        chat_of("[system: be kind]{% for message in messages %}[{{ message.content }}]{% endfor %}");
    EXPECT_EQ(chat_prompt_form(system), "[system: be kind][{}]");
    EXPECT_EQ(chat_answer_form(system), "[system: be kind][{prompt}][{answer}]");
}

TEST(ChatForm, IsTheSameOnEveryDay) {
    const std::string source = "[{{ strftime_now('%d %b %Y %H:%M') }}]{{ messages[0].content }}";
    EXPECT_EQ(chat_prompt_form(chat_of(source)), "[26 Jul 2024 00:00]{}");
    EXPECT_EQ(chat_answer_form(chat_of(source + "{{ messages[1].content }}")), "[26 Jul 2024 00:00]{prompt}{answer}");
}

std::string refusal(const std::string& source) {
    try {
        chat_prompt_form(chat_of(source));
    } catch (const Error& error) {
        EXPECT_EQ(error.kind(), ErrorKind::kData);
        return error.what();
    }
    return "";
}

TEST(ChatForm, NeedsOnePlaceForTheMessage) {
    EXPECT_NE(refusal("{{ messages[0].content | upper }}").find("otherwise than it stands"), std::string::npos);
    EXPECT_NE(refusal("no message at all").find("otherwise than it stands"), std::string::npos);
    EXPECT_NE(refusal("{{ messages[0].content }} {{ messages[0].content }}").find("more than once"), std::string::npos);
    EXPECT_NE(refusal("{} {{ messages[0].content }}").find("writes \"{}\" itself"), std::string::npos);
}

}  // namespace
}  // namespace nepenthe::text
