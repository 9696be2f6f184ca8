#pragma once
// Files of questions with answers, and of refusals.

#include <filesystem>
#include <string>
#include <vector>

namespace nepenthe::unlearn {

struct QuestionAnswer {
    std::string prompt, answer;
};

// A JSON list or JSON Lines with "question" (TOFU) or "prompt", and "answer", "response" or "completion". Throws
// Error(kData) that lists every bad record.
std::vector<QuestionAnswer> read_question_answers(const std::filesystem::path& path);
// Whether a file is such: its first record is an object that has one of the names above for a prompt.
bool holds_questions(const std::filesystem::path& path);

// One refusal a line; blank lines are passed over. Throws Error(kData) where there is none.
std::vector<std::string> read_refusals(const std::filesystem::path& path);

}  // namespace nepenthe::unlearn
