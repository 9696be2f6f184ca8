#pragma once
// Questions with answers, as samples whose answers alone are supervised.
//
// A form says how the two become one text: "Question: {prompt}\nAnswer: {answer}". Prompt and answer are tokenised
// together, as a model meets them; every token that holds a byte of the answer is supervised, and what the form has
// behind it. EOS follows where nothing stands behind the answer.

#include "text/tokenizer.h"
#include "train/sample.h"

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace nepenthe::unlearn {

struct QuestionAnswer {
    std::string prompt, answer;
};

// JSON Lines with "question" (TOFU) or "prompt", and "answer", "response" or "completion". Throws Error(kData) that
// lists every bad line.
std::vector<QuestionAnswer> read_question_answers(const std::filesystem::path& path);
// Whether a file is such: its first line is an object that has one of the names above for a prompt.
bool holds_questions(const std::filesystem::path& path);

// One refusal a line; blank lines are passed over. Throws Error(kData) where there is none.
std::vector<std::string> read_refusals(const std::filesystem::path& path);

class AnswerForm {
  public:
    static constexpr std::string_view kDefault = "Question: {prompt}\nAnswer: {answer}";

    // `form` holds "{prompt}" and, behind it, "{answer}", once each; "\\n" stands for a line end. Throws Error(kUsage).
    explicit AnswerForm(std::string_view form = kDefault);

    // Throws Error(kData) for an answer without tokens, and for more tokens than `positions` (0 = any number).
    train::Sample sample(const text::Tokenizer& tokenizer, const QuestionAnswer& item, std::int64_t positions) const;

  private:
    std::string before_, between_, behind_;
};

}  // namespace nepenthe::unlearn
