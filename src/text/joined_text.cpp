#include "text/joined_text.h"

#include "text/letters.h"
#include "text/scripts.h"
#include "text/unicode.h"

#include <algorithm>
#include <optional>

namespace nepenthe::text {

namespace {

bool is_line_break(char32_t c) { return c == U'\n' || c == U'\r' || c == 0x85 || c == 0x2028 || c == 0x2029; }

// Where the white space at the end of `text` begins, and where that at its front ends.
std::size_t end_of_words(std::string_view text) {
    std::size_t end = text.size();
    while (end > 0) {
        std::size_t begin = end - 1;
        while (begin > 0 && is_continuation_byte(text[begin])) --begin;
        if (!is_white_space(decode_at(text, begin))) break;
        end = begin;
    }
    return end;
}

std::size_t begin_of_words(std::string_view text) {
    std::size_t begin = 0;
    while (begin < text.size() && is_white_space(decode_at(text, begin))) begin += character_length(text[begin]);
    return begin;
}

bool has_line_break(std::string_view text) {
    for (std::size_t at = 0; at < text.size(); at += character_length(text[at])) {
        if (is_line_break(decode_at(text, at))) return true;
    }
    return false;
}

bool is_one_of(std::u32string_view set, char32_t c) { return set.find(c) != std::u32string_view::npos; }

// How the line that `prompt` ends sets apart words of scripts without blanks and others: as it last did, or, where it
// holds words of one kind alone, as that kind does.
bool line_leaves_blanks_out(std::string_view prompt) {
    const std::size_t line = prompt.find_last_of('\n');
    std::optional<bool> last_kind;
    bool leaves_out = false, blank = false;
    for (std::size_t at = line == std::string_view::npos ? 0 : line + 1; at < prompt.size();
         at += character_length(prompt[at])) {
        const char32_t c = decode_at(prompt, at);
        blank = blank || is_white_space(c);
        if (!is_word_character(c)) continue;
        const bool kind = writes_without_blanks(c);
        if (!last_kind) {
            leaves_out = kind;
        } else if (*last_kind != kind) {
            leaves_out = !blank;
        }
        last_kind = kind;
        blank = false;
    }
    return leaves_out;
}

// "'s" and its like, which are written on to the word before them.
bool is_contraction(std::string_view target) {
    std::size_t at = 0;
    if (target.starts_with('\'')) {
        at = 1;
    } else if (target.starts_with("\u2019")) {
        at = 3;
    } else {
        return false;
    }
    for (const std::string_view ending : {"s", "d", "m", "t", "re", "ve", "ll"}) {
        if (!target.substr(at).starts_with(ending)) continue;
        if (!is_word_character(code_point_at(target, at + ending.size()))) return true;
    }
    return false;
}

// Marks that close, where a word, a blank or the end follows as it does behind them: not ".5", "-3" or "?uestlove".
bool begins_with_closing_mark(std::string_view target) {
    constexpr std::u32string_view kClosing = U".,;:!?)]}\u2019\u201D\u00BB\u2026\u060C\u061B\u061F\u0964%";
    const char32_t first = decode_at(target, 0);
    if (is_one_of(U"\u2013\u2014/", first)) return true;
    return is_one_of(kClosing, first) && !is_word_character(code_point_at(target, character_length(target[0])));
}

bool ends_with_opening_mark(std::string_view prompt) {
    const char32_t last = code_point_before(prompt, prompt.size());
    if (is_one_of(U"([{\u2018\u201C\u201E\u00AB\u00A1\u00BF", last)) return true;
    const std::size_t length = last < 0x80 ? 1 : 3;  // of the marks below
    const char32_t earlier = code_point_before(prompt, prompt.size() - std::min(length, prompt.size()));
    const bool alone = earlier == 0 || is_white_space(earlier);
    // A straight mark opens a quotation where white space or nothing stands before it, a dash joins two words where
    // none does.
    if (is_one_of(U"\"'", last)) return alone;
    return is_one_of(U"-\u2013\u2014/", last) && !alone;
}

// `prompt` and `target` have no white space where they meet; both have something else.
bool blank_between(std::string_view prompt, std::string_view target, bool given) {
    const bool before = writes_without_blanks(code_point_before(prompt, prompt.size()));
    const bool after = writes_without_blanks(decode_at(target, 0));
    if ((before && after) || ((before || after) && line_leaves_blanks_out(prompt))) return false;
    return given || !(ends_with_opening_mark(prompt) || begins_with_closing_mark(target) || is_contraction(target));
}

}  // namespace

JoinedText join_texts(std::string_view prompt, std::string_view target) {
    const std::size_t prompt_end = end_of_words(prompt), target_begin = begin_of_words(target);
    const std::string_view words = prompt.substr(0, prompt_end), follows = target.substr(target_begin);
    const std::string_view behind = prompt.substr(prompt_end), ahead = target.substr(0, target_begin);
    std::string between;
    if (has_line_break(behind) || has_line_break(ahead)) {
        between = std::string(behind) + std::string(ahead);
    } else if (!words.empty() && !follows.empty() && blank_between(words, follows, !behind.empty() || !ahead.empty())) {
        between.push_back(' ');
    }
    JoinedText joined;
    joined.prompt_end = without_end_blanks(prompt).size();
    joined.target_begin = words.size() + between.size();
    joined.text = std::string(words) + between + std::string(follows);
    return joined;
}

std::string_view without_end_blanks(std::string_view text) {
    const std::size_t end = end_of_words(text);
    return has_line_break(text.substr(end)) ? text : text.substr(0, end);
}

}  // namespace nepenthe::text
