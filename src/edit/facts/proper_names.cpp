#include "edit/facts/proper_names.h"

#include "edit/facts/facts.h"
#include "text/letters.h"
#include "text/unicode.h"

#include <algorithm>
#include <array>
#include <set>

namespace nepenthe::edit {

namespace {

// Words that may stand in lower case inside a name.
constexpr std::array<std::string_view, 16> kParticles = {"de",  "del", "della", "di",  "da",  "dos", "du", "la",
                                                         "van", "von", "der",   "den", "bin", "ibn", "al", "el"};
// Capitalised for their place in a question, not for what they name.
constexpr std::array<std::string_view, 26> kOpeners = {
    "a",  "an", "are", "can", "could", "did",  "do",   "does",  "has",   "have", "how",   "in",  "is",
    "of", "on", "the", "was", "were",  "what", "when", "where", "which", "who",  "whose", "why", "would"};

template <typename List>
bool is_among(const List& list, std::string_view word) {
    return std::find(list.begin(), list.end(), word) != list.end();
}

bool is_apostrophe(char32_t c) { return c == U'\'' || c == U'’'; }

// Words with the hyphens, full stops of initials and apostrophes inside them; a possessive ending is left out.
std::vector<text::TextRange> word_ranges(std::string_view sentence) {
    std::vector<text::TextRange> words;
    for (std::size_t at = 0; at < sentence.size();) {
        if (!text::is_word_character(text::decode_at(sentence, at))) {
            at += text::character_length(sentence[at]);
            continue;
        }
        const std::size_t begin = at;
        std::size_t apostrophe = std::string_view::npos;
        while (at < sentence.size()) {
            const char32_t c = text::decode_at(sentence, at);
            const std::size_t next = at + text::character_length(sentence[at]);
            const bool goes_on = next < sentence.size() && text::is_word_character(text::decode_at(sentence, next));
            const bool initial = c == U'.' && at == begin + 1;  // "F. Scott"
            if (!text::is_word_character(c) && !initial && !((c == U'-' || c == U'.' || is_apostrophe(c)) && goes_on)) {
                break;
            }
            if (is_apostrophe(c)) apostrophe = at;
            at = next;
        }
        std::size_t end = at;
        if (apostrophe != std::string_view::npos && sentence[at - 1] == 's' &&
            at - apostrophe == 1 + text::character_length(sentence[apostrophe])) {
            end = apostrophe;
        }
        words.push_back({static_cast<std::uint32_t>(begin), static_cast<std::uint32_t>(end)});
    }
    return words;
}

std::string_view slice(std::string_view text, text::TextRange range) {
    return text.substr(range.begin, range.end - range.begin);
}

bool is_capitalised(std::string_view word) {
    const std::string_view letter = word.substr(0, text::character_length(word[0]));
    return text::to_lower(letter) != letter;
}

// Ranges of runs of capitalised words that only spaces separate.
std::vector<text::TextRange> capitalised_runs(std::string_view sentence) {
    const auto words = word_ranges(sentence);
    const auto adjacent = [&](std::size_t i) { return slice(sentence, {words[i - 1].end, words[i].begin}) == " "; };
    std::vector<text::TextRange> runs;
    for (std::size_t i = 0; i < words.size(); ++i) {
        const std::string_view word = slice(sentence, words[i]);
        if (!is_capitalised(word) || (i == 0 && is_among(kOpeners, text::to_lower(word)))) continue;
        std::size_t last = i;
        for (std::size_t j = i + 1; j < words.size() && adjacent(j); ++j) {
            const std::string_view next = slice(sentence, words[j]);
            if (is_capitalised(next)) {
                last = j;
            } else if (!is_among(kParticles, next)) {
                break;
            }
        }
        if (i > 0 || last > 0) runs.push_back({words[i].begin, words[last].end});
        i = last;
    }
    return runs;
}

// What the first pair of quotation marks encloses.
std::string_view quoted_title(std::string_view sentence) {
    struct Marks {
        std::string_view open, close;
    };
    for (const Marks marks : {Marks{"\"", "\""}, Marks{"“", "”"}, Marks{"«", "»"}, Marks{"'", "'"}, Marks{"‘", "’"}}) {
        const auto outside = [&](std::size_t at, bool before) {
            const char32_t c = before ? text::code_point_before(sentence, at) : text::code_point_at(sentence, at);
            return !text::is_word_character(c);
        };
        std::size_t open = sentence.find(marks.open);
        while (open != std::string_view::npos && !outside(open, true)) open = sentence.find(marks.open, open + 1);
        if (open == std::string_view::npos) continue;
        const std::size_t begin = open + marks.open.size();
        std::size_t close = sentence.find(marks.close, begin);
        while (close != std::string_view::npos && !outside(close + marks.close.size(), false)) {
            close = sentence.find(marks.close, close + 1);
        }
        if (close == std::string_view::npos || close == begin) continue;
        std::string_view title = sentence.substr(begin, close - begin);
        while (!title.empty() && (title.back() == ',' || title.back() == '.')) title.remove_suffix(1);
        if (title.find_first_not_of(' ') != std::string_view::npos) return title;
    }
    return {};
}

template <typename Ranges>
std::string_view longest(std::string_view sentence, const Ranges& ranges) {
    std::string_view best;
    for (const text::TextRange range : ranges) {
        if (slice(sentence, range).size() > best.size()) best = slice(sentence, range);
    }
    return best;
}

}  // namespace

std::vector<std::string> proper_names(std::string_view sentence) {
    std::vector<std::string> names;
    for (const text::TextRange run : capitalised_runs(sentence)) names.emplace_back(slice(sentence, run));
    return names;
}

std::string commonest_name(std::span<const std::string> texts) {
    std::set<std::string> candidates;
    for (const std::string& text : texts) {
        for (std::string& name : proper_names(text)) {
            if (name.find(' ') != std::string::npos) candidates.insert(std::move(name));
        }
    }
    std::string best;
    std::size_t most = 0;
    for (const std::string& name : candidates) {
        const auto holds = [&](const std::string& text) { return find_words(text, name) != std::string::npos; };
        const auto count = static_cast<std::size_t>(std::count_if(texts.begin(), texts.end(), holds));
        if (count > most || (count == most && name.size() > best.size())) {
            best = name;
            most = count;
        }
    }
    return 2 * most >= texts.size() ? best : "";
}

std::size_t find_words(std::string_view text, std::string_view words) {
    if (words.empty()) return std::string_view::npos;
    for (std::size_t at = text.find(words); at != std::string_view::npos; at = text.find(words, at + 1)) {
        const bool begins = !text::is_word_character(text::code_point_at(words, 0)) ||
                            !text::is_word_character(text::code_point_before(text, at));
        const bool ends = !text::is_word_character(text::code_point_before(words, words.size())) ||
                          !text::is_word_character(text::code_point_at(text, at + words.size()));
        if (begins && ends) return at;
    }
    return std::string_view::npos;
}

std::string propose_subject(const std::string& sentence) {
    if (const std::string_view title = quoted_title(sentence); !title.empty()) return std::string(title);
    if (const std::string_view name = longest(sentence, capitalised_runs(sentence)); !name.empty()) {
        return std::string(name);
    }
    return std::string(longest(sentence, word_ranges(sentence)));
}

}  // namespace nepenthe::edit
