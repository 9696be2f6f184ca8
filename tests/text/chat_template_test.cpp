// Conversations as models want them written: tests/golden/make_chat_templates.py has asked transformers.
#include "text/chat_template.h"

#include "base/json.h"
#include "expected_errors.h"
#include "io/file.h"
#include "temporary_folder.h"

#include <gtest/gtest.h>

#include <cstdlib>

namespace nepenthe::text {
namespace {

using nepenthe::testing::expect_contains;
using nepenthe::testing::message_of;

// 2026-03-07 09:05:02, the maker's.
constexpr std::chrono::local_seconds kNow = std::chrono::local_days(std::chrono::year(2026) / 3 / 7) +
                                            std::chrono::hours(9) + std::chrono::minutes(5) + std::chrono::seconds(2);

Json read_golden(const std::string& path) { return parse_json(io::read_file(path), path); }

const Json& golden() {
    static const Json json = read_golden(NEPENTHE_SOURCE_DIR "/tests/golden/chat_templates.json");
    return json;
}

std::vector<ChatMessage> conversation(const Json& json) {
    std::vector<ChatMessage> messages;
    for (const Json& message : json) messages.push_back({message["role"], message["content"]});
    return messages;
}

ChatTemplate chat_template(const std::string& source) {
    return {source, golden()["tokens"].get<std::map<std::string, std::string>>(), "chat_template.jinja"};
}

std::string rendered(const std::string& source, const std::vector<ChatMessage>& messages = {}, bool prompt = false) {
    return chat_template(source).render(messages, {.add_generation_prompt = prompt, .now = kNow});
}

// Equal text, a refusal in the same words, or a failure where Python fails.
void expect_same(const std::string& source, const std::vector<ChatMessage>& messages, bool prompt,
                 const Json& expected) {
    if (expected.contains("text")) {
        try {
            EXPECT_EQ(rendered(source, messages, prompt), expected["text"].get<std::string>());
        } catch (const Error& error) {
            ADD_FAILURE() << error.what() << "\ninstead of " << expected["text"];
        }
    } else {
        const std::string message =
            message_of(ErrorKind::kData, [&] { static_cast<void>(rendered(source, messages, prompt)); });
        if (expected.contains("refuses")) expect_contains(message, expected["refuses"].get<std::string>());
        if (message.empty()) ADD_FAILURE() << "Python: " << expected["fails"];
    }
}

void expect_same_templates(const Json& file, const std::string& folder) {
    for (const auto& [name, results] : file["templates"].items()) {
        const std::string source = io::read_file(folder + "/" + name + ".jinja");
        for (const auto& [talk, expected] : results.items()) {
            SCOPED_TRACE(name + ", " + talk);
            const auto messages = conversation(file["conversations"][talk]);
            expect_same(source, messages, false, expected);
            Json with_prompt = expected.value("with_prompt", expected);
            if (expected.contains("prompt")) {
                with_prompt["text"] = expected["text"].get<std::string>() + expected["prompt"].get<std::string>();
            }
            expect_same(source, messages, true, with_prompt);
        }
    }
}

TEST(ChatTemplate, PublishedOnesRenderAsInTransformers) {
    EXPECT_GE(golden()["templates"].size(), 20u);
    expect_same_templates(golden(), NEPENTHE_SOURCE_DIR "/tests/golden/chat_templates");
    // Of a folder that is not committed, written by hand with the maker.
    if (const char* other = std::getenv("NEPENTHE_CHAT_TEMPLATES")) {
        const Json file = read_golden(other);
        expect_same_templates(file, file["folder"]);
    }
}

TEST(ChatTemplate, EachPartOfTheLanguageIsJinjas) {
    const auto messages = conversation(golden()["conversations"]["system and turns"]);
    EXPECT_GE(golden()["cases"].size(), 250u);
    for (const Json& item : golden()["cases"]) {
        const std::string source = item["template"];
        SCOPED_TRACE(source);
        expect_same(source, messages, true, item);
    }
}

TEST(ChatTemplate, WhatIsNotSupportedIsNamedWithItsLine) {
    const std::pair<const char*, const char*> unsupported[] = {
        {"a\n{% include 'x' %}", "line 2: the tag \"include\""},
        {"\n\n{{ 'a'|urlize }}", "line 3: the filter \"urlize\""},
        {"{{ 'a' is\n nope }}", "line 1: the test \"nope\""},
        {"\n{{ 'a'.encode() }}", "line 2: the method encode() of a string"},
        {"{{ cycler(1) }}", "line 1: the function \"cycler\""},
        {"{% for x in [] recursive %}{% endfor %}", "line 1: a recursive loop"},
        {"{{ strftime_now('%c') }}", "\"%c\""},
        {"{{ 9223372036854775807 + 1 }}", "64 bits"},
        {"{{ range(3) }}", "a range as text"},
        {"{{ namespace }}", "a function as text"},
    };
    for (const auto& [source, part] : unsupported) {
        SCOPED_TRACE(source);
        const std::string message = message_of(ErrorKind::kData, [&] { static_cast<void>(rendered(source)); });
        expect_contains(message, part);
        expect_contains(message, "chat_template.jinja");
    }
}

// Templates come from outside: what would end a program, or never end, is an error.
TEST(ChatTemplate, HostileOnesAreEnded) {
    const auto many = [](const std::string& part, int times) {
        std::string result;
        for (int i = 0; i < times; ++i) result += part;
        return result;
    };
    const std::string hostile[] = {
        "{{ " + many("(", 100000) + "1" + many(")", 100000) + " }}",
        "{{ " + many("[", 100000),
        "{{ " + many("not ", 100000) + "1 }}",
        "{{ " + many("-", 100000) + "1 }}",
        "{{ 1" + many("+1", 100000) + " }}",
        "{{ a" + many("|upper", 100000) + " }}",
        "{{ a" + many(".a", 100000) + " }}",
        many("{% if 1 %}", 100000),
        many("{% if 1 %}", 10000) + many("{% endif %}", 10000),
        "{% if 1 %}" + many("{% elif 1 %}", 10000),
        "{{ 1 if 1 else " + many("1 if 1 else ", 100000) + "1 }}",
        "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}",
        "{% macro f() %}{% call f() %}{% endcall %}{{ caller() }}{% endmacro %}{% call f() %}{% endcall %}",
        "{% for i in range(100000) %}{% for j in range(100000) %}{% endfor %}{% endfor %}",
        "{% set ns = namespace(s='aaaaaaaa') %}{% for i in range(60) %}{% set ns.s = ns.s ~ ns.s %}{% endfor %}",
        "{% set ns = namespace(x=[1]) %}{% for i in range(1000) %}{% set ns.x = [ns.x] %}{% endfor %}",
        "{% set ns = namespace(x=[1]) %}{% for i in range(60) %}{% set ns.x = [ns.x, ns.x] %}{% endfor %}{{ ns.x }}",
        "{% set ns = namespace(x=[1]) %}{% for i in range(40) %}{% set ns.x = ns.x + ns.x %}{% endfor %}",
        "{% set ns = namespace(f=1) %}{% for i in range(999) %}{% set ns.f = [[ns.f].count] %}{% endfor %}{{ ns.f }}",
        "{{ 'a' * 1000000000000 }}",
        "{{ [1] * 1000000000000 }}",
        "{{ 'a'.ljust(1000000000000) }}",
        "{{ 'a'|indent(1000000000000) }}",
        "{{ 'a'|center(1000000000000) }}",
        "{{ 2 ** 1000000000 }}",
        "{{ (range(30000)|list + ['a'])|unique|list }}",
    };
    for (const std::string& source : hostile) {
        SCOPED_TRACE(source.substr(0, 120));
        EXPECT_NE(message_of(ErrorKind::kData, [&] { static_cast<void>(rendered(source)); }), "");
    }
}

TEST(ChatTemplate, AConversationMayBeLong) {
    const std::string source =
        "{% for m in messages %}{{ '<' + m.role + '>' + m.content.strip().split('</think>')[-1]|trim + '\\n' }}{% "
        "endfor %}";
    std::vector<ChatMessage> messages;
    for (int i = 0; i < 2000; ++i) messages.push_back({i % 2 ? "assistant" : "user", std::string(4000, 'x')});
    EXPECT_EQ(rendered(source, messages).size(), 1000u * (6 + 1 + 4000) + 1000u * (11 + 1 + 4000));
}

TEST(ChatTemplate, AMessageMustBeText) {
    const auto render = [] { static_cast<void>(rendered("{{ messages }}", {{"user", "a\xff"}})); };
    expect_contains(message_of(ErrorKind::kData, render), "not UTF-8: byte 1");
    expect_contains(message_of(ErrorKind::kData, [] { static_cast<void>(rendered("\xff")); }), "byte 0 is not UTF-8");
}

TEST(ChatTemplate, DatesAreTheCallersOrTodays) {
    const ChatTemplate dated = chat_template("{{ strftime_now('%Y-%m-%d') }}");
    EXPECT_EQ(dated.render({}, {.now = kNow}), "2026-03-07");
    const std::time_t now = std::time(nullptr);
    char today[11];
    std::strftime(today, sizeof today, "%Y-%m-%d", std::localtime(&now));
    EXPECT_EQ(dated.render({}), today);
}

class ChatTemplateFolder : public ::testing::Test {
  protected:
    void put(const std::string& name, const std::string& text) {
        io::write_file_atomically(folder_.path() / name, text);
    }
    std::string render() { return ChatTemplate::load(folder_.path()).render({{"user", "Hi"}}); }

    nepenthe::testing::TemporaryFolder folder_;
};

TEST_F(ChatTemplateFolder, TheFilesAreAskedInTheirOrder) {
    put("tokenizer_config.json", R"({"chat_template": "settings {{ messages[0].content }}"})");
    EXPECT_EQ(render(), "settings Hi");
    put("chat_template.json", R"({"chat_template": "json {{ messages[0].content }}"})");
    EXPECT_EQ(render(), "json Hi");
    put("chat_template.jinja", "own {{ messages[0].content }}\n");
    EXPECT_EQ(render(), "own Hi");
}

TEST_F(ChatTemplateFolder, OfNamedTemplatesItIsTheDefault) {
    put("tokenizer_config.json",
        R"({"chat_template": [{"name": "tool_use", "template": "t"}, {"name": "default", "template": "d"}]})");
    EXPECT_EQ(render(), "d");
    put("tokenizer_config.json", R"({"chat_template": [{"name": "tool_use", "template": "t"}]})");
    expect_contains(message_of(ErrorKind::kData, [&] { render(); }), "\"default\"");
    put("tokenizer_config.json", R"({"chat_template": 7})");
    expect_contains(message_of(ErrorKind::kData, [&] { render(); }), "neither a template nor a list");
}

TEST_F(ChatTemplateFolder, TokensAreThoseThatTheFilesName) {
    put("chat_template.jinja", "{{ bos_token }}|{{ eos_token }}|{{ pad_token }}|{{ unk_token is defined }}");
    EXPECT_EQ(render(), "|||False");
    put("special_tokens_map.json", R"({"bos_token": {"content": "<b>"}, "pad_token": "<p>"})");
    put("tokenizer_config.json", R"({"bos_token": "<s>", "eos_token": "</s>", "unk_token": null})");
    EXPECT_EQ(render(), "<b>|</s>|<p>|False");
    put("tokenizer_config.json", R"({"bos_token": "<s>", "added_tokens_decoder": {}})");
    EXPECT_EQ(render(), "<s>|||False");
}

TEST_F(ChatTemplateFolder, AMissingOneSaysWhatWasLookedForAndWhatHelps) {
    put("tokenizer_config.json", R"({"chat_template": null})");
    const std::string message = message_of(ErrorKind::kData, [&] { render(); });
    for (const char* part : {"chat_template.jinja", "chat_template.json", "tokenizer_config.json", "published"}) {
        expect_contains(message, part);
    }
}

TEST_F(ChatTemplateFolder, ABadOneIsNamedWithItsLine) {
    put("chat_template.jinja", "a\n{% if %}");
    const std::string message = message_of(ErrorKind::kData, [&] { render(); });
    expect_contains(message, "chat_template.jinja: line 2");
}

}  // namespace
}  // namespace nepenthe::text
