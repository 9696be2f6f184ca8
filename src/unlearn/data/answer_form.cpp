#include "unlearn/data/answer_form.h"

#include "base/error.h"

#include <algorithm>
#include <vector>

namespace nepenthe::unlearn {

namespace {

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

AnswerForm::AnswerForm(std::string_view form) {
    const std::string text = with_line_ends(form);
    constexpr std::string_view kPrompt = "{prompt}", kAnswer = "{answer}";
    const std::size_t prompt = place_of(text, kPrompt), answer = place_of(text, kAnswer);
    if (answer < prompt) fail(ErrorKind::kUsage, "the form \"{}\" has the answer before the prompt", form);
    before_ = text.substr(0, prompt);
    between_ = text.substr(prompt + kPrompt.size(), answer - prompt - kPrompt.size());
    behind_ = text.substr(answer + kAnswer.size());
}

train::Sample AnswerForm::sample(const text::Tokenizer& tokenizer, const io::LabelledText& item,
                                 std::int64_t positions) const {
    std::string text = before_ + item.question + between_;
    const std::size_t answer = text.size(), answer_end = answer + item.text.size();
    text += item.text + behind_;
    const text::Encoding encoding = tokenizer.encode(text, true);
    train::Sample sample;
    sample.ids = encoding.ids;
    std::vector<bool> of_answer;
    for (const text::Offset& offset : encoding.offsets) of_answer.push_back(offset.end > answer);
    const auto begins_in_answer = [&](const text::Offset& offset) {
        return offset.end > answer && offset.begin < answer_end;
    };
    if (std::ranges::none_of(encoding.offsets, begins_in_answer)) {
        fail(ErrorKind::kData, "the answer \"{}\" to \"{}\" has no tokens", item.text, item.question);
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
        fail(ErrorKind::kData, "\"{}\" and its answer are {} tokens; the model has {} positions", item.question,
             sample.ids.size(), positions);
    }
    sample.labels.assign(sample.ids.size(), train::kIgnore);
    for (std::size_t t = 0; t + 1 < sample.ids.size(); ++t) {
        if (of_answer[t + 1]) sample.labels[t] = sample.ids[t + 1];
    }
    return sample;
}

}  // namespace nepenthe::unlearn
