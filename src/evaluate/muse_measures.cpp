#include "evaluate/muse_measures.h"

#include <charconv>
#include <system_error>

namespace nepenthe::evaluate {

namespace {

// constants.py, AUC_RETRAIN, forget_holdout_Min-40%.
constexpr double kNews = .4772, kBooks = .5393;

}  // namespace

std::string muse_prompt(std::span<const MuseQuestion> before, std::string_view question) {
    std::string prompt;
    for (const MuseQuestion& pair : before)
        prompt += "Question: " + pair.question + "\nAnswer: " + pair.answer + "\n\n";
    return prompt + "Question: " + std::string(question) + "\nAnswer: ";
}

std::string_view cut_muse_answer(std::string_view text) {
    for (const std::string_view mark : {"\n\n", "\nQuestion", "Question:"}) text = text.substr(0, text.find(mark));
    return text;
}

std::optional<double> parse_muse_retrained(std::string_view word) {
    if (word == "news") return kNews;
    if (word == "books") return kBooks;
    double value = 0;
    const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value);
    const bool whole = error == std::errc() && end == word.data() + word.size();
    return whole && value > 0 && value < 1 ? std::optional(value) : std::nullopt;
}

}  // namespace nepenthe::evaluate
