#pragma once
// Prompts that show what a model knows of a corpus. JSON, one object:
//   {"prompts": [{"prompt": "…", "content": ["…", …], "generic": ["…", …]}, …]}    for the next token
//   {"prompts": [{"prompt": "…", "subtlety": 1 … 10}, …]}                          for completions
// with "document" where the user says which document a prompt is about;
// or, for completions, lines of a file *.txt, each a prompt.
// The published prompts of "Who's Harry Potter" ([{"prompt": {"prompt": "…", "references": […]}}, …]) are read as well.

#include "base/json.h"

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace nepenthe::evaluate {

struct FamiliarityPrompt {
    std::string prompt;                // without blanks at its end: they belong to what follows
    std::vector<std::string> content;  // continuations that only somebody who knows the corpus would write
    std::vector<std::string> generic;  // continuations that anybody might write
    std::string document = {};         // where what it asks for stands, as its field "document" says; "" = not said
    std::int64_t subtlety = 0;         // 1 = the prompt names the corpus … 10 = it hardly hints at it; 0 = not given
};

// Throws Error(kData) that lists every bad prompt. With `need_continuations` every prompt must have at least one
// content continuation.
std::vector<FamiliarityPrompt> read_familiarity_prompts(const std::filesystem::path& file, bool need_continuations);

// What every task says of a prompt in its row: {"id", "prompt"}, and "subtlety" and "document" where they are given.
Json prompt_row(std::size_t index, const FamiliarityPrompt& prompt);

}  // namespace nepenthe::evaluate
