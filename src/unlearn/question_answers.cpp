#include "unlearn/question_answers.h"

#include "base/error.h"
#include "io/text.h"

#include <algorithm>
#include <array>
#include <fstream>

namespace nepenthe::unlearn {

namespace {

constexpr std::array<const char*, 2> kPromptNames = {"question", "prompt"};
constexpr std::array<const char*, 3> kAnswerNames = {"answer", "response", "completion"};

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

// Where `name` stands in the form, once.
std::size_t place_of(std::string_view form, std::string_view name) {
    const std::size_t place = form.find(name);
    if (place == std::string_view::npos || form.find(name, place + 1) != std::string_view::npos) {
        fail(ErrorKind::kUsage, "the form \"{}\" must hold {} once", form, name);
    }
    return place;
}

std::string with_line_ends(std::string_view text) {
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '\\' && i + 1 < text.size() && text[i + 1] == 'n') {
            out += '\n';
            ++i;
        } else {
            out += text[i];
        }
    }
    return out;
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
    std::string line;
    while (std::getline(file, line) && line.find_first_not_of(" \t\r") == std::string::npos) {
    }
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

AnswerForm::AnswerForm(std::string_view form) {
    const std::string text = with_line_ends(form);
    constexpr std::string_view kPrompt = "{prompt}", kAnswer = "{answer}";
    const std::size_t prompt = place_of(text, kPrompt), answer = place_of(text, kAnswer);
    if (answer < prompt) fail(ErrorKind::kUsage, "the form \"{}\" has the answer before the prompt", form);
    before_ = text.substr(0, prompt);
    between_ = text.substr(prompt + kPrompt.size(), answer - prompt - kPrompt.size());
    behind_ = text.substr(answer + kAnswer.size());
}

train::Sample AnswerForm::sample(const text::Tokenizer& tokenizer, const QuestionAnswer& item,
                                 std::int64_t positions) const {
    std::string text = before_ + item.prompt + between_;
    const std::size_t answer = text.size(), answer_end = answer + item.answer.size();
    text += item.answer + behind_;
    const text::Encoding encoding = tokenizer.encode(text, true);
    train::Sample sample;
    sample.ids = encoding.ids;
    std::vector<bool> of_answer;
    for (const text::Offset& offset : encoding.offsets) of_answer.push_back(offset.end > answer);
    const auto begins_in_answer = [&](const text::Offset& offset) {
        return offset.end > answer && offset.begin < answer_end;
    };
    if (std::ranges::none_of(encoding.offsets, begins_in_answer)) {
        fail(ErrorKind::kData, "the answer \"{}\" to \"{}\" has no tokens", item.answer, item.prompt);
    }
    // Special tokens that the tokenizer adds behind a text have no place in it.
    const auto eos = tokenizer.eos();
    while (eos && !sample.ids.empty() && sample.ids.back() == *eos &&
           encoding.offsets[sample.ids.size() - 1].end == 0) {
        sample.ids.pop_back();
        of_answer.pop_back();
    }
    if (behind_.empty() && eos) {
        sample.ids.push_back(*eos);
        of_answer.push_back(true);
    }
    if (positions > 0 && std::ssize(sample.ids) > positions) {
        fail(ErrorKind::kData, "\"{}\" and its answer are {} tokens; the model has {} positions", item.prompt,
             sample.ids.size(), positions);
    }
    sample.labels.assign(sample.ids.size(), train::kIgnore);
    for (std::size_t t = 0; t + 1 < sample.ids.size(); ++t) {
        if (of_answer[t + 1]) sample.labels[t] = sample.ids[t + 1];
    }
    return sample;
}

}  // namespace nepenthe::unlearn
