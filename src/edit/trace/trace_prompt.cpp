#include "edit/trace/trace_prompt.h"

#include "base/error.h"
#include "base/hash.h"
#include "base/json.h"
#include "io/file.h"

#include <algorithm>

namespace nepenthe::edit {

namespace {

// A string field; problems are noted, not thrown.
std::string field(const Json& record, const char* name, bool required, std::vector<std::string>& problems) {
    const auto found = record.is_object() ? record.find(name) : record.end();
    if (!record.is_object() || found == record.end()) {
        if (required) problems.push_back(fmt::format("\"{}\" is missing", name));
        return "";
    }
    if (!found->is_string() || (required && found->get_ref<const std::string&>().empty())) {
        problems.push_back(fmt::format("\"{}\" is no text", name));
        return "";
    }
    return found->get<std::string>();
}

}  // namespace

TracePromptFile read_trace_prompts(const std::filesystem::path& path) {
    const std::string bytes = io::read_file(path);
    const Json list = parse_json(bytes, path.string());
    if (!list.is_array()) fail(ErrorKind::kData, "{}: a list of prompts is expected", path.string());
    TracePromptFile file{{}, sha256_hex(bytes)};
    Problems problems;
    std::size_t bad = 0;
    for (std::size_t i = 0; i < list.size(); ++i) {
        std::vector<std::string> wrong;
        TracePrompt prompt{field(list[i], "prompt", true, wrong), field(list[i], "subject", true, wrong),
                           field(list[i], "attribute", false, wrong)};
        if (wrong.empty() && prompt.prompt.find(prompt.subject) == std::string::npos) {
            wrong.push_back(fmt::format("the subject \"{}\" is not in the prompt", prompt.subject));
        }
        constexpr std::size_t kShown = 20;
        for (const std::string& text : wrong) {
            if (++bad <= kShown) problems.add("record {}: {}", i, text);
        }
        file.prompts.push_back(std::move(prompt));
    }
    if (bad > 20) problems.add("and {} more", bad - 20);
    problems.throw_if_any(ErrorKind::kData, path.string());
    if (file.prompts.empty()) fail(ErrorKind::kData, "{}: there are no prompts in it", path.string());
    return file;
}

TraceTokens tokenise(const text::Tokenizer& tokenizer, const TracePrompt& prompt) {
    const std::size_t begin = prompt.prompt.find(prompt.subject), end = begin + prompt.subject.size();
    if (begin == std::string::npos || prompt.subject.empty()) {
        fail(ErrorKind::kData, "the subject \"{}\" is not in the prompt \"{}\"", prompt.subject, prompt.prompt);
    }
    text::Encoding encoding = tokenizer.encode(prompt.prompt, true);
    // What a post-processor puts behind the text (EOS) would be the last token.
    while (encoding.ids.size() > 1 && encoding.offsets.back().end == 0 && tokenizer.is_special(encoding.ids.back())) {
        encoding.ids.pop_back();
        encoding.offsets.pop_back();
    }
    TraceTokens tokens{std::move(encoding.ids), {0, 0}};
    for (std::size_t i = 0; i < tokens.ids.size(); ++i) {
        const text::Offset& offset = encoding.offsets[i];
        if (offset.end <= begin || offset.begin >= end || offset.begin == offset.end) continue;
        if (tokens.subject.end == 0) tokens.subject.begin = static_cast<std::int64_t>(i);
        tokens.subject.end = static_cast<std::int64_t>(i) + 1;
    }
    if (tokens.subject.end == 0) {
        fail(ErrorKind::kData, "the tokenizer drops the subject \"{}\" of \"{}\"", prompt.subject, prompt.prompt);
    }
    return tokens;
}

std::vector<TokenRole> roles_of(std::int64_t token, TokenRange subject, std::int64_t tokens) {
    std::vector<TokenRole> roles;
    const std::int64_t last = tokens - 1;
    if (token == subject.begin) roles.push_back(TokenRole::kFirstSubject);
    if (token > subject.begin && token < subject.end - 1) roles.push_back(TokenRole::kMiddleSubject);
    if (token == subject.end - 1) roles.push_back(TokenRole::kLastSubject);
    if (token == subject.end) roles.push_back(TokenRole::kFirstFollowing);
    if (token > subject.end && token < last) roles.push_back(TokenRole::kFurther);
    if (token == last) roles.push_back(TokenRole::kLast);
    return roles;
}

}  // namespace nepenthe::edit
