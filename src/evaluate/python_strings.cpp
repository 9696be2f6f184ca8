#include "evaluate/python_strings.h"

#include "text/letters.h"
#include "text/unicode.h"

namespace nepenthe::evaluate {

namespace {

// Bytes of the character that starts with this byte, in valid UTF-8.
std::size_t character_bytes(char first) {
    const auto byte = static_cast<unsigned char>(first);
    return byte < 0x80 ? 1 : byte < 0xE0 ? 2 : byte < 0xF0 ? 3 : 4;
}

bool has_case(char32_t c) {
    std::string letter;
    text::append_utf8(letter, c);
    return text::to_lower(letter) != letter || text::to_upper(letter) != letter;
}

// Marks of which a word's end takes no notice (Unicode's case-ignorable characters, the usual ones).
bool is_case_ignorable(char32_t c) {
    return c == U'\'' || c == U'.' || c == U':' || c == U'\u00AD' || c == U'\u2019' ||
           (text::is_word(c) && !text::is_letter(c) && !text::is_numeric(c) && c != U'_');
}

// A letter with case before the sigma at [begin, end), and none behind it.
bool is_final(std::string_view text, std::size_t begin, std::size_t end) {
    while (begin > 0 && is_case_ignorable(text::code_point_before(text, begin))) {
        do --begin;
        while (begin > 0 && text::is_continuation_byte(text[begin]));
    }
    if (begin == 0 || !has_case(text::code_point_before(text, begin))) return false;
    while (end < text.size() && is_case_ignorable(text::code_point_at(text, end))) end += character_bytes(text[end]);
    return end >= text.size() || !has_case(text::code_point_at(text, end));
}

}  // namespace

bool is_python_space(char32_t c) {
    return (c >= 0x09 && c <= 0x0D) || (c >= 0x1C && c <= 0x20) || c == 0x85 || c == 0xA0 || c == 0x1680 ||
           (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 || c == 0x202F || c == 0x205F || c == 0x3000;
}

bool is_python_word(char32_t c) { return c == U'_' || text::is_letter(c) || text::is_numeric(c); }

std::string_view strip_end(std::string_view text) {
    while (!text.empty() && is_python_space(text::code_point_before(text, text.size()))) {
        const auto is_continuation_byte = [](char byte) { return (static_cast<unsigned char>(byte) & 0xC0) == 0x80; };
        while (is_continuation_byte(text.back())) text.remove_suffix(1);
        text.remove_suffix(1);
    }
    return text;
}

std::string_view strip(std::string_view text) {
    while (!text.empty() && is_python_space(text::code_point_at(text, 0))) text.remove_prefix(character_bytes(text[0]));
    return strip_end(text);
}

std::int64_t count_split_fields(std::string_view text) {
    std::int64_t fields = 1;
    bool in_space = false;
    for (std::size_t at = 0; at < text.size(); at += character_bytes(text[at])) {
        const bool space = is_python_space(text::code_point_at(text, at));
        if (space && !in_space) ++fields;
        in_space = space;
    }
    return fields;
}

std::string replace_all(std::string_view text, std::string_view from, std::string_view to) {
    std::string result;
    result.reserve(text.size());
    for (;;) {
        const std::size_t found = text.find(from);
        result += text.substr(0, found);
        if (found == std::string_view::npos) return result;
        result += to;
        text.remove_prefix(found + from.size());
    }
}

std::string lower(std::string_view text) {
    std::string out;
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t next = at + character_bytes(text[at]);
        switch (text::code_point_at(text, at)) {
            case U'\u0130': out += "i\u0307"; break;
            case U'\u03A3': out += is_final(text, at, next) ? "\u03C2" : "\u03C3"; break;
            default: out += text::to_lower(text.substr(at, next - at));
        }
        at = next;
    }
    return out;
}

std::string capitalize(std::string_view text) {
    if (text.empty()) return "";
    const std::size_t first = character_bytes(text[0]);
    return text::to_upper(text.substr(0, first)) + lower(text.substr(first));
}

}  // namespace nepenthe::evaluate
