#pragma once
// MUSE's evaluation sets in the published layout (Shi et al. 2024, arXiv 2407.06460): below one folder
//     verbmem/forget.json                                {"prompt", "gt"}
//     knowmem/{forget,retain}_qa.json, …_qa_icl.json     {"question", "answer"}; icl: the pairs before every question
//     privleak/{forget,holdout}.json                     texts, or {"text"}
// each a JSON list or JSON Lines.

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace nepenthe::evaluate {

struct MuseQuestion {
    std::string question, answer;
};
struct MusePassage {
    std::string prompt, continuation;
};
struct MuseSets {
    std::vector<MusePassage> passages;                     // what is to be forgotten, word for word
    std::vector<MuseQuestion> forget, forget_before;       // questions about it, and the pairs before each
    std::vector<MuseQuestion> retain, retain_before;       // the same about what must stay
    std::vector<std::string> forget_texts, holdout_texts;  // what is to be forgotten, and the like never seen
};

// All seven, in the order above.
std::vector<std::filesystem::path> muse_files(const std::filesystem::path& folder);

// The first `limit` records of each set (0 = all), of the pairs before questions all. Throws Error(kData) that names
// every bad record of every file by its line.
MuseSets read_muse(const std::filesystem::path& folder, std::int64_t limit);

}  // namespace nepenthe::evaluate
