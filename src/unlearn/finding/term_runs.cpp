#include "unlearn/finding/term_runs.h"

#include "text/letters.h"
#include "text/unicode.h"

#include <algorithm>

namespace nepenthe::unlearn {

namespace {

constexpr double kShoutedShare = 3;  // forms all in capitals that outweigh another form
constexpr double kLeastCapitalShare = 0.3;

}  // namespace

bool is_number(std::string_view word) { return text::is_numeric(text::code_point_at(word, 0)); }
bool is_link(std::string_view word) { return word == "of" || word == "the"; }

double ordinary_count(std::span<const std::string> words, const text::OrdinaryEnglish& english) {
    if (words.size() == 1) {
        const text::OrdinaryWord known = english.find(words[0]);
        return known.count * std::max(known.capital_share, kLeastCapitalShare);
    }
    double ordinary = english.total();
    for (const std::string& word : words) {
        if (is_link(word) || is_number(word)) continue;
        const text::OrdinaryWord known = english.find(word);
        ordinary = std::min(ordinary, (known.capital_share > 0.5 ? kNamesTogether : kWordsTogether) * known.count);
    }
    return ordinary;
}

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
