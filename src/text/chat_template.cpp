#include "text/chat_template.h"

#include "base/error.h"
#include "base/json.h"
#include "io/file.h"
#include "io/text.h"
#include "text/jinja/evaluator.h"
#include "text/jinja/parser.h"

#include <ctime>

namespace nepenthe::text {

namespace {

constexpr std::uint64_t kLargestTemplateFile = 64u << 20;
constexpr std::uint64_t kStepsOfAChat = 4'000'000;
constexpr std::uint64_t kStepsOfAByte = 64;

Json read_chat_settings(const std::filesystem::path& path) {
    if (!std::filesystem::exists(path)) return Json::object();
    Json json = parse_json(io::read_file(path, kLargestTemplateFile), path.string());
    if (!json.is_object()) fail(ErrorKind::kData, "{}: not a JSON object", path.string());
    return json;
}

// Of "chat_template": a string, or named ones, of which the default is taken. None where there is none.
std::optional<std::string> template_in(const Json& settings, const std::string& what) {
    const auto found = settings.find("chat_template");
    if (found == settings.end() || found->is_null()) return std::nullopt;
    if (found->is_string()) return found->get<std::string>();
    if (found->is_array()) {
        for (const Json& item : *found) {
            if (item.is_object() && item.value("name", Json()) == "default" &&
                item.value("template", Json()).is_string()) {
                return item["template"].get<std::string>();
            }
        }
        fail(ErrorKind::kData, "{}: none of the templates in \"chat_template\" is named \"default\"", what);
    }
    fail(ErrorKind::kData, "{}: \"chat_template\" is neither a template nor a list of named ones", what);
}

// The names of special tokens that a template may ask for. Those of special_tokens_map.json go first in old folders, as
// in special_tokens.cpp.
std::map<std::string, std::string> named_tokens(const std::filesystem::path& folder, const Json& settings) {
    Json tokens = settings;
    if (!settings.contains("added_tokens_decoder")) {
        tokens.update(read_chat_settings(folder / "special_tokens_map.json"));
    }
    std::map<std::string, std::string> result;
    for (const char* key :
         {"bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token"}) {
        Json token = tokens.value(key, Json());
        if (token.is_object()) token = token.value("content", Json());  // an AddedToken written out
        if (token.is_string()) result.emplace(key, token.get<std::string>());
    }
    return result;
}

std::chrono::local_seconds time_here() {
    const std::time_t now = std::time(nullptr);
    std::tm parts{};
    ::localtime_r(&now, &parts);
    const std::chrono::year_month_day date(std::chrono::year(parts.tm_year + 1900),
                                           std::chrono::month(static_cast<unsigned>(parts.tm_mon + 1)),
                                           std::chrono::day(static_cast<unsigned>(parts.tm_mday)));
    return std::chrono::local_days(date) + std::chrono::hours(parts.tm_hour) + std::chrono::minutes(parts.tm_min) +
           std::chrono::seconds(parts.tm_sec);
}

}  // namespace

struct ChatTemplate::Impl {
    jinja::Statements statements;
    std::map<std::string, std::string> tokens;
    std::string what;
};

ChatTemplate ChatTemplate::load(const std::filesystem::path& folder) {
    const std::filesystem::path own = folder / "chat_template.jinja", json = folder / "chat_template.json",
                                settings_path = folder / "tokenizer_config.json";
    const Json settings = read_chat_settings(settings_path);
    auto tokens = named_tokens(folder, settings);
    if (std::filesystem::exists(own)) {
        return ChatTemplate(io::read_file(own, kLargestTemplateFile), std::move(tokens), own.string());
    }
    if (const auto source = template_in(read_chat_settings(json), json.string())) {
        return ChatTemplate(*source, std::move(tokens), json.string());
    }
    if (const auto source = template_in(settings, settings_path.string())) {
        return ChatTemplate(*source, std::move(tokens), settings_path.string());
    }
    fail(ErrorKind::kData,
         "{}: the model has no chat template: there is no chat_template.jinja, no chat_template.json and no "
         "\"chat_template\" in tokenizer_config.json. A model that was not trained on conversations has none: give it "
         "the text as it is; else take the file from where the model was published",
         folder.string());
}

ChatTemplate::ChatTemplate(std::string_view source, std::map<std::string, std::string> tokens, std::string what)
    : impl_(std::make_unique<Impl>()) {
    try {
        impl_->statements = jinja::parse(source);
    } catch (const Error& error) {
        throw error.with_context(what);
    }
    impl_->tokens = std::move(tokens);
    impl_->what = std::move(what);
}

ChatTemplate::ChatTemplate(ChatTemplate&&) noexcept = default;
ChatTemplate& ChatTemplate::operator=(ChatTemplate&&) noexcept = default;
ChatTemplate::~ChatTemplate() = default;

std::string ChatTemplate::render(const std::vector<ChatMessage>& messages, const ChatOptions& options) const {
    std::uint64_t bytes = 0;
    for (const ChatMessage& message : messages) {
        bytes += message.role.size() + message.content.size();
        for (const std::string& part : {message.role, message.content}) {
            if (const std::size_t bad = io::find_invalid_utf8(part); bad != std::string::npos) {
                fail(ErrorKind::kData, "a message is not UTF-8: byte {}", bad);
            }
        }
    }
    const std::uint64_t steps = options.max_steps.value_or(kStepsOfAChat + kStepsOfAByte * bytes);
    jinja::Budget budget(steps);
    jinja::Values list;
    for (const ChatMessage& message : messages) {
        const jinja::Entries entries = {{jinja::text("role"), jinja::text(message.role)},
                                        {jinja::text("content"), jinja::text(message.content)}};
        list.push_back(jinja::dict(entries, budget));
    }
    std::vector<std::pair<std::string, jinja::Value>> variables;
    for (const auto& [name, token] : impl_->tokens) variables.emplace_back(name, jinja::text(token));
    variables.emplace_back("messages", jinja::sequence(std::move(list)));
    variables.emplace_back("tools", jinja::none());
    variables.emplace_back("documents", jinja::none());
    variables.emplace_back("add_generation_prompt", jinja::Value{options.add_generation_prompt});
    try {
        return jinja::Evaluator(impl_->statements, options.now ? *options.now : time_here(), steps)
            .render(std::move(variables));
    } catch (const Error& error) {
        throw error.with_context(impl_->what);
    }
}

}  // namespace nepenthe::text
