#include "evaluate/completion_quality.h"

#include "evaluate/python_strings.h"
#include "evaluate/text_statistics.h"
#include "text/letters.h"
#include "text/scripts.h"
#include "text/unicode.h"

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <vector>

namespace nepenthe::evaluate {

namespace {

constexpr std::size_t kLoopingUnits = 6;
constexpr std::size_t kDigitsInARow = 10;

bool is_letter(char32_t c) { return text::is_word(c) && !text::is_numeric(c) && !text::is_punctuation(c); }

// Appends a word; letters of scripts without blanks stand alone, with the marks on them.
void add_units(std::string_view word, std::vector<std::string>& units) {
    bool after_alone = false;
    for (std::size_t at = 0, length = 0; at < word.size(); at += length) {
        const char32_t c = text::decode_at(word, at);
        length = text::character_length(word[at]);
        const bool mark = text::is_mark(c), alone = text::writes_without_blanks(c);
        if (at == 0 || (!mark && (alone || after_alone))) units.emplace_back();
        units.back() += word.substr(at, length);
        if (!mark) after_alone = alone;
    }
}

// Words and marks in lower case.
std::vector<std::string> units_of(std::string_view text) {
    std::vector<std::string> units;
    for (const std::string& word : words_and_marks(text)) add_units(lower(word), units);
    return units;
}

bool is_said(const std::string& unit) {
    const char32_t first = text::decode_at(unit, 0);
    return is_letter(first) || text::is_numeric(first);
}

template <typename Unit>
bool ends_in_a_loop(std::span<const Unit> units) {
    for (std::size_t period = 1; 2 * period < units.size(); ++period) {
        std::size_t repeating = 0;
        while (repeating + period < units.size() &&
               units[units.size() - 1 - repeating] == units[units.size() - 1 - repeating - period]) {
            ++repeating;
        }
        if (repeating >= kLoopingUnits && 2 * repeating >= 3 * period) return true;
    }
    return false;
}

bool is_ascii_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

// Bytes of the tag or entity that begins at byte `at`; 0 where none does.
std::size_t markup_length(std::string_view text, std::size_t at) {
    const std::string_view rest = text.substr(at);
    if (rest[0] == '<') {
        const std::size_t name = rest.starts_with("</") ? 2 : 1;
        if (name >= rest.size() || !(is_ascii_letter(rest[name]) || rest[name] == '!')) return 0;
        const std::size_t end = rest.find_first_of("<>", name);
        return end == std::string_view::npos || rest[end] == '<' ? 0 : end + 1;
    }
    if (rest[0] == '&') {
        std::size_t end = rest.starts_with("&#") ? 2 : 1;
        const std::size_t name = end;
        while (end < rest.size() && (is_ascii_letter(rest[end]) || (rest[end] >= '0' && rest[end] <= '9'))) ++end;
        return end > name && end < rest.size() && rest[end] == ';' ? end + 1 : 0;
    }
    return 0;
}

struct Characters {
    std::size_t letters = 0, digits = 0, marks = 0, digits_in_a_row = 0;

    explicit Characters(std::string_view text) {
        std::size_t row = 0, markup_end = 0;
        for (std::size_t at = 0; at < text.size(); at += text::character_length(text[at])) {
            const char32_t c = text::decode_at(text, at);
            if (at >= markup_end) markup_end = at + markup_length(text, at);
            row = text::is_numeric(c) ? row + 1 : 0;
            digits_in_a_row = std::max(digits_in_a_row, row);
            if (text::is_white_space(c)) continue;
            if (at < markup_end) {
                ++marks;
            } else if (text::is_numeric(c)) {
                ++digits;
            } else {
                ++(is_letter(c) ? letters : marks);
            }
        }
    }
};

}  // namespace

NgramRepetition ngram_repetition(std::span<const text::TokenId> ids, std::size_t n) {
    if (ids.size() < n) return {};
    std::set<std::vector<text::TokenId>> distinct;
    for (std::size_t i = 0; i + n <= ids.size(); ++i) {
        const auto gram = ids.subspan(i, n);
        distinct.emplace(gram.begin(), gram.end());
    }
    const auto ngrams = static_cast<std::int64_t>(ids.size() - n + 1);
    return {ngrams - static_cast<std::int64_t>(distinct.size()), ngrams};
}

CompletionQuality judge_completion(std::string_view text, std::span<const text::TokenId> ids, bool ended) {
    CompletionQuality quality;
    for (std::size_t i = 0; i < kRepetitionLengths.size(); ++i) {
        quality.repetition[i] = ngram_repetition(ids, kRepetitionLengths[i]);
    }
    const std::vector<std::string> units = units_of(text);
    quality.loops = ends_in_a_loop(ids) || ends_in_a_loop(std::span<const std::string>(units));
    const Characters characters(text);
    const bool few_letters = characters.digits + characters.marks > characters.letters;
    const bool digits_prevail = characters.digits > characters.marks;
    quality.digits = characters.digits_in_a_row > kDigitsInARow || (few_letters && digits_prevail);
    quality.markup = few_letters && !digits_prevail;
    quality.stops = units.empty() || (ended && std::ranges::count_if(units, is_said) <= 1);
    return quality;
}

}  // namespace nepenthe::evaluate
