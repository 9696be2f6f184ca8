#include "unlearn/finding/term_runs.h"

#include "text/letters.h"

#include <algorithm>

namespace nepenthe::unlearn {

namespace {

constexpr double kShoutedShare = 3;  // forms all in capitals that outweigh another form

}  // namespace

std::vector<std::string> split_words(std::string_view text) {
    std::vector<std::string> words;
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t end = std::min(text.find(' ', at), text.size());
        words.emplace_back(text.substr(at, end - at));
        at = end + 1;
    }
    return words;
}

std::string run_key(std::span<const std::string> words) {
    std::string key;
    for (const std::string& word : words) {
        if (!key.empty()) key += ' ';
        key += text::to_lower(word.ends_with('.') ? std::string_view(word).substr(0, word.size() - 1) : word);
    }
    return key;
}

std::string written_run(std::span<const std::string> words) {
    std::string out;
    for (const std::string& word : words) out += (out.empty() ? "" : " ") + word;
    return out;
}

void TermRun::add(std::size_t n_words, const std::string& form, std::int64_t occurrences) {
    words = n_words;
    count += occurrences;
    forms[form] += occurrences;
}

std::string TermRun::form() const {
    const std::string* best = nullptr;
    double most = 0;
    for (const auto& [text, n] : forms) {
        const double weight =
            text::to_upper(text) == text ? static_cast<double>(n) / kShoutedShare : static_cast<double>(n);
        if (!best || weight > most) best = &text, most = weight;
    }
    const bool shouted = words > 1 && text::to_upper(*best) == *best;
    return shouted ? text::capitalize_words(text::to_lower(*best)) : *best;
}

}  // namespace nepenthe::unlearn
