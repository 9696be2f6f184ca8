#include "text/letters.h"

#include <utf8proc.h>

namespace nepenthe::text {

namespace {

using CaseMap = utf8proc_int32_t (*)(utf8proc_int32_t);

// Reads the character at `at` and moves behind it. A stray byte stands for itself.
char32_t next_code_point(std::string_view text, std::size_t& at) {
    utf8proc_int32_t code = 0;
    const auto* bytes = reinterpret_cast<const utf8proc_uint8_t*>(text.data() + at);
    const utf8proc_ssize_t length = utf8proc_iterate(bytes, static_cast<utf8proc_ssize_t>(text.size() - at), &code);
    if (length <= 0) {
        code = static_cast<unsigned char>(text[at]);
        ++at;
    } else {
        at += static_cast<std::size_t>(length);
    }
    return static_cast<char32_t>(code);
}

void append(std::string& out, char32_t code_point) {
    utf8proc_uint8_t bytes[4];
    const utf8proc_ssize_t length = utf8proc_encode_char(static_cast<utf8proc_int32_t>(code_point), bytes);
    out.append(reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(length));
}

std::string mapped(std::string_view text, CaseMap map) {
    std::string out;
    out.reserve(text.size());
    for (std::size_t at = 0; at < text.size();) {
        append(out, static_cast<char32_t>(map(static_cast<utf8proc_int32_t>(next_code_point(text, at)))));
    }
    return out;
}

bool is_space_character(char32_t code_point) {
    const utf8proc_category_t category = utf8proc_category(static_cast<utf8proc_int32_t>(code_point));
    return category == UTF8PROC_CATEGORY_ZS || (code_point >= '\t' && code_point <= '\r');
}

}  // namespace

std::string to_lower(std::string_view text) { return mapped(text, utf8proc_tolower); }

std::string to_upper(std::string_view text) { return mapped(text, utf8proc_toupper); }

std::string capitalize_words(std::string_view text) {
    std::string out;
    out.reserve(text.size());
    bool word_start = true;
    for (std::size_t at = 0; at < text.size();) {
        const char32_t code_point = next_code_point(text, at);
        append(out, word_start ? static_cast<char32_t>(utf8proc_toupper(static_cast<utf8proc_int32_t>(code_point)))
                               : code_point);
        word_start = is_space_character(code_point);
    }
    return out;
}

bool is_word_character(char32_t code_point) {
    if (code_point == U'_') return true;
    switch (utf8proc_category(static_cast<utf8proc_int32_t>(code_point))) {
        case UTF8PROC_CATEGORY_LU:
        case UTF8PROC_CATEGORY_LL:
        case UTF8PROC_CATEGORY_LT:
        case UTF8PROC_CATEGORY_LM:
        case UTF8PROC_CATEGORY_LO:
        case UTF8PROC_CATEGORY_MN:
        case UTF8PROC_CATEGORY_MC:
        case UTF8PROC_CATEGORY_ND:
        case UTF8PROC_CATEGORY_NL:
        case UTF8PROC_CATEGORY_NO: return true;
        default: return false;
    }
}

bool is_mark(char32_t code_point) {
    if (code_point < 0x300) return false;
    const utf8proc_category_t category = utf8proc_category(static_cast<utf8proc_int32_t>(code_point));
    return category == UTF8PROC_CATEGORY_MN || category == UTF8PROC_CATEGORY_MC || category == UTF8PROC_CATEGORY_ME;
}

char32_t code_point_before(std::string_view text, std::size_t at) {
    if (at == 0) return 0;
    std::size_t begin = at - 1;
    while (begin > 0 && (static_cast<unsigned char>(text[begin]) & 0xC0) == 0x80) --begin;
    return next_code_point(text, begin);
}

char32_t code_point_at(std::string_view text, std::size_t at) {
    return at >= text.size() ? 0 : next_code_point(text, at);
}

}  // namespace nepenthe::text
