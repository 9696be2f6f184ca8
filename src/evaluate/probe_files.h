#pragma once
// Files of questions for the tasks that look inside a model: a beginning, and the answer that should follow it.

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace nepenthe::evaluate {

// One record of --probe-items, a JSON list or JSON Lines of
//     {"question"?, "prefix"?, "entity"}             the answer's beginning, up to the entity; without a question, text
//     {"question", "choices": [four], "answer"}      WMDP's and MMLU's; `answer` is an index or a letter
struct ProbeItem {
    std::string question, prefix;      // of a question with choices: all that stands before the letter is its prefix
    std::string answer;                // the entity, or the letter of the right choice
    std::vector<std::string> choices;  // letters; empty for an entity
};

// The first `limit` records (0 = all). Throws Error(kData) that names every bad one by its line. Records with a
// "subject" are asked as lm-evaluation-harness asks MMLU, those without one behind "Answer the following question with
// A, B, C, or D.".
std::vector<ProbeItem> read_probe_items(const std::filesystem::path& file, std::int64_t limit);

}  // namespace nepenthe::evaluate
