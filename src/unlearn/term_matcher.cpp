#include "unlearn/term_matcher.h"

#include "base/error.h"
#include "io/text.h"
#include "text/letters.h"

#include <limits>
#include <set>

namespace nepenthe::unlearn {

namespace {

constexpr std::string_view kTypographicApostrophe = "\u2019";

// Bytes of white space at `at`, 0 when there is none or when it spans more than one line break.
std::size_t soft_space(std::string_view text, std::size_t at) {
    std::size_t end = at;
    int breaks = 0;
    while (end < text.size() && (text[end] == ' ' || text[end] == '\t' || text[end] == '\n')) {
        breaks += text[end] == '\n';
        ++end;
    }
    return breaks <= 1 ? end - at : 0;
}

// Bytes of `text` at `at` that `surface` matches, 0 when it does not.
std::size_t matched_bytes(std::string_view surface, std::string_view text, std::size_t at) {
    const std::size_t begin = at;
    for (const char wanted : surface) {
        if (at >= text.size()) return 0;
        if (wanted == ' ') {
            const std::size_t space = soft_space(text, at);
            if (space == 0) return 0;
            at += space;
        } else if (wanted == '\'' && text.substr(at).starts_with(kTypographicApostrophe)) {
            at += kTypographicApostrophe.size();
        } else if (text[at] == wanted) {
            ++at;
        } else {
            return 0;
        }
    }
    return at - begin;
}

// Between two characters of which at most one belongs to a word.
bool word_boundary(std::string_view text, std::size_t at) {
    const char32_t before = text::code_point_before(text, at);
    const char32_t after = text::code_point_at(text, at);
    return before == 0 || after == 0 || !text::is_word_character(before) || !text::is_word_character(after);
}

}  // namespace

std::string apply_casing(std::string_view text, Casing casing) {
    switch (casing) {
        case Casing::kLower: return text::to_lower(text);
        case Casing::kUpper: return text::to_upper(text);
        case Casing::kTitle: return text::capitalize_words(text);
        case Casing::kAsGiven: break;
    }
    return std::string(text);
}

TermMatcher::TermMatcher(const Dictionary& dictionary, const MatchRules& rules) {
    std::set<std::string> taken;
    const auto add_once = [&](std::string surface, std::size_t term, Casing casing) {
        if (taken.insert(surface).second) add(std::move(surface), static_cast<std::uint32_t>(term), casing);
    };
    const auto long_enough = [&](const DictionaryEntry& entry) {
        return io::count_code_points(entry.term) >= rules.min_characters;
    };
    for (std::size_t i = 0; i < dictionary.entries.size(); ++i) {
        const DictionaryEntry& entry = dictionary.entries[i];
        if (long_enough(entry)) add_once(entry.term, i, Casing::kAsGiven);
    }
    if (!rules.casings) return;
    for (std::size_t i = 0; i < dictionary.entries.size(); ++i) {
        const DictionaryEntry& entry = dictionary.entries[i];
        if (!long_enough(entry)) continue;
        add_once(text::to_lower(entry.term), i, Casing::kLower);
        add_once(text::to_upper(entry.term), i, Casing::kUpper);
        add_once(text::capitalize_words(text::to_lower(entry.term)), i, Casing::kTitle);
    }
}

void TermMatcher::add(std::string surface, std::uint32_t term, Casing casing) {
    const auto first = static_cast<unsigned char>(surface.front());
    by_first_byte_[first].push_back({surface, term, casing});
    if (surface.front() == '\'') {
        by_first_byte_[static_cast<unsigned char>(kTypographicApostrophe.front())].push_back({surface, term, casing});
    }
}

TermMatch TermMatcher::match_at(std::string_view text, std::size_t at) const {
    TermMatch best{static_cast<std::uint32_t>(at), static_cast<std::uint32_t>(at), 0, Casing::kAsGiven};
    for (const Surface& surface : by_first_byte_[static_cast<unsigned char>(text[at])]) {
        const std::size_t end = at + matched_bytes(surface.text, text, at);
        if (end > best.end && word_boundary(text, end)) {
            best.end = static_cast<std::uint32_t>(end);
            best.term = surface.term;
            best.casing = surface.casing;
        }
    }
    return best;
}

std::vector<TermMatch> TermMatcher::find_all(std::string_view text) const {
    NEPENTHE_CHECK(text.size() < std::numeric_limits<std::uint32_t>::max());
    std::vector<TermMatch> found;
    for (std::size_t at = 0; at < text.size();) {
        const bool candidate = !by_first_byte_[static_cast<unsigned char>(text[at])].empty();
        if (candidate && word_boundary(text, at)) {
            const TermMatch match = match_at(text, at);
            if (match.end > match.begin) {
                found.push_back(match);
                at = match.end;
                continue;
            }
        }
        do {
            ++at;
        } while (at < text.size() && (static_cast<unsigned char>(text[at]) & 0xC0) == 0x80);
    }
    return found;
}

}  // namespace nepenthe::unlearn
