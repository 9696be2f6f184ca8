#include "unlearn/data/question_answers.h"

#include "base/error.h"
#include "io/text.h"

#include <algorithm>
#include <array>
#include <fstream>

namespace nepenthe::unlearn {

namespace {

constexpr std::array<const char*, 2> kPromptNames = {"question", "prompt"};
constexpr std::array<const char*, 3> kAnswerNames = {"answer", "response", "completion"};

// A first line that is longer is taken for text.
constexpr std::size_t kLongestLine = 1 << 20;

template <std::size_t N>
std::string field(const Json& row, const std::array<const char*, N>& names, std::string_view what) {
    for (const char* name : names) {
        const auto found = row.find(name);
        if (found == row.end()) continue;
        if (!found->is_string()) fail(ErrorKind::kData, "\"{}\" is no text", name);
        if (found->get_ref<const std::string&>().find_first_not_of(" \t\n") == std::string::npos)
            fail(ErrorKind::kData, "\"{}\" is empty", name);
        return found->get<std::string>();
    }
    fail(ErrorKind::kData, "no {} (\"{}\")", what, names.front());
}

}  // namespace

std::vector<QuestionAnswer> read_question_answers(const std::filesystem::path& path) {
    std::vector<QuestionAnswer> out;
    io::for_each_json_line(path, [&](std::size_t, const Json& row) {
        if (!row.is_object()) fail(ErrorKind::kData, "not a JSON object");
        out.push_back({field(row, kPromptNames, "question"), field(row, kAnswerNames, "answer")});
    });
    if (out.empty()) fail(ErrorKind::kData, "{} holds no questions", path.string());
    return out;
}

bool holds_questions(const std::filesystem::path& path) {
    if (!std::filesystem::is_regular_file(path)) return false;
    std::ifstream file(path);
    std::string beginning(kLongestLine, '\0');
    file.read(beginning.data(), static_cast<std::streamsize>(beginning.size()));
    beginning.resize(static_cast<std::size_t>(file.gcount()));
    if (beginning.starts_with("\xEF\xBB\xBF")) beginning.erase(0, 3);
    const std::size_t first = std::min(beginning.find_first_not_of(" \t\r\n"), beginning.size());
    const std::string_view line = std::string_view(beginning).substr(first, beginning.find('\n', first) - first);
    const Json row = Json::parse(line, nullptr, false);
    return row.is_object() && std::ranges::any_of(kPromptNames, [&](const char* name) { return row.contains(name); });
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
