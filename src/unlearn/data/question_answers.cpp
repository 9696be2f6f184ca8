#include "unlearn/data/question_answers.h"

#include "base/error.h"
#include "io/json_records.h"
#include "io/text.h"

#include <algorithm>
#include <array>

namespace nepenthe::unlearn {

namespace {

constexpr std::array<const char*, 2> kPromptNames = {"question", "prompt"};
constexpr std::array<const char*, 3> kAnswerNames = {"answer", "response", "completion"};

template <std::size_t N>
std::string field(const Json& row, const std::array<const char*, N>& names, std::string_view what) {
    for (const char* name : names) {
        if (row.contains(name)) return io::text_field(row, name);
    }
    fail(ErrorKind::kData, "no {} (\"{}\")", what, names.front());
}

}  // namespace

std::vector<QuestionAnswer> read_question_answers(const std::filesystem::path& path) {
    std::vector<QuestionAnswer> out;
    io::for_each_json_record(path, 0, [&](const Json& row) {
        if (!row.is_object()) fail(ErrorKind::kData, "not a JSON object");
        out.push_back({field(row, kPromptNames, "question"), field(row, kAnswerNames, "answer")});
    });
    return out;
}

bool holds_questions(const std::filesystem::path& path) {
    if (!std::filesystem::is_regular_file(path)) return false;
    bool found = false;
    try {
        io::for_each_json_record(path, 1, [&](const Json& row) {
            found = row.is_object() &&
                    std::ranges::any_of(kPromptNames, [&](const char* name) { return row.contains(name); });
        });
    } catch (const Error&) {
        return false;  // text, then, or whatever its reader says of it
    }
    return found;
}

std::vector<std::string> read_refusals(const std::filesystem::path& path) {
    const std::string text = io::read_text(path);
    std::vector<std::string> out;
    for (std::size_t begin = 0; begin < text.size();) {
        const std::size_t end = std::min(text.find('\n', begin), text.size());
        const std::string line = text.substr(begin, end - begin);
        const std::size_t first = line.find_first_not_of(" \t");
        if (first != std::string::npos) out.push_back(line.substr(first, line.find_last_not_of(" \t") + 1 - first));
        begin = end + 1;
    }
    if (out.empty()) fail(ErrorKind::kData, "{} holds no refusals", path.string());
    return out;
}

}  // namespace nepenthe::unlearn
