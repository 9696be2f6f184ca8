#include "text/jinja/characters.h"

#include <utf8proc.h>

#include <algorithm>
#include <array>
#include <utility>

namespace nepenthe::text::jinja {

namespace {

constexpr std::array<std::pair<char32_t, std::u32string_view>, 9> kSpecialUpper = {{{U'\u00df', U"SS"},
                                                                                    {U'\u0149', U"\u02bcN"},
                                                                                    {U'\ufb00', U"FF"},
                                                                                    {U'\ufb01', U"FI"},
                                                                                    {U'\ufb02', U"FL"},
                                                                                    {U'\ufb03', U"FFI"},
                                                                                    {U'\ufb04', U"FFL"},
                                                                                    {U'\ufb05', U"ST"},
                                                                                    {U'\ufb06', U"ST"}}};

utf8proc_category_t category(char32_t character) { return utf8proc_category(static_cast<utf8proc_int32_t>(character)); }

bool continues(char byte) { return (static_cast<unsigned char>(byte) & 0xc0u) == 0x80u; }

bool is_cased(char32_t character) {
    return is_upper(character) || is_lower(character) || category(character) == UTF8PROC_CATEGORY_LT;
}

void append_upper(std::u32string& result, char32_t character) {
    const auto special = std::ranges::find(kSpecialUpper, character, &std::pair<char32_t, std::u32string_view>::first);
    if (special != kSpecialUpper.end()) {
        result += special->second;
    } else {
        result += static_cast<char32_t>(utf8proc_toupper(static_cast<utf8proc_int32_t>(character)));
    }
}

// A sigma behind a letter with a case and before none is a final one.
void append_lower(std::u32string& result, std::u32string_view text, std::size_t i) {
    const char32_t character = text[i];
    if (character == U'\u0130') {
        result += U"i\u0307";
    } else if (character == U'\u03a3' && i > 0 && is_cased(text[i - 1]) &&
               (i + 1 == text.size() || !is_cased(text[i + 1]))) {
        result += U'\u03c2';
    } else {
        result += static_cast<char32_t>(utf8proc_tolower(static_cast<utf8proc_int32_t>(character)));
    }
}

void append_title(std::u32string& result, char32_t character) {
    if (character == U'\u00df') {
        result += U"Ss";
    } else {
        result += static_cast<char32_t>(utf8proc_totitle(static_cast<utf8proc_int32_t>(character)));
    }
}

}  // namespace

std::size_t character_size(std::string_view text, std::size_t at) {
    const auto first = static_cast<unsigned char>(text[at]);
    return first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
}

char32_t code_point_at(std::string_view text, std::size_t at) {
    const std::size_t size = character_size(text, at);
    auto code_point = static_cast<char32_t>(static_cast<unsigned char>(text[at]));
    if (size > 1) code_point &= 0x7fu >> size;
    for (std::size_t i = 1; i < size; ++i) {
        code_point = code_point << 6 | (static_cast<unsigned char>(text[at + i]) & 0x3fu);
    }
    return code_point;
}

std::size_t character_count(std::string_view text) {
    return static_cast<std::size_t>(std::ranges::count_if(text, [](char byte) { return !continues(byte); }));
}

std::u32string code_points(std::string_view text) {
    std::u32string result;
    result.reserve(text.size());
    for (std::size_t i = 0; i < text.size(); i += character_size(text, i)) result += code_point_at(text, i);
    return result;
}

void append_utf8(std::string& text, char32_t c) {
    if (c < 0x80) {
        text += static_cast<char>(c);
        return;
    }
    const int more = c < 0x800 ? 1 : c < 0x10000 ? 2 : 3;
    text += static_cast<char>((0xff00u >> (more + 1) & 0xffu) | c >> 6 * more);
    for (int i = more - 1; i >= 0; --i) text += static_cast<char>(0x80u | (c >> 6 * i & 0x3fu));
}

std::string utf8(std::u32string_view code_points) {
    std::string result;
    result.reserve(code_points.size());
    for (const char32_t character : code_points) append_utf8(result, character);
    return result;
}

bool is_space(char32_t c) {
    return (c >= 9 && c <= 13) || (c >= 28 && c <= 32) || c == 0x85 || c == 0xa0 || c == 0x1680 ||
           (c >= 0x2000 && c <= 0x200a) || c == 0x2028 || c == 0x2029 || c == 0x202f || c == 0x205f || c == 0x3000;
}

bool is_letter(char32_t character) {
    const auto kind = category(character);
    return kind >= UTF8PROC_CATEGORY_LU && kind <= UTF8PROC_CATEGORY_LO;
}

bool is_number(char32_t character) {
    const auto kind = category(character);
    return kind >= UTF8PROC_CATEGORY_ND && kind <= UTF8PROC_CATEGORY_NO;
}

bool is_digit(char32_t character) { return category(character) == UTF8PROC_CATEGORY_ND; }

bool is_printable(char32_t character) {
    if (character == U' ') return true;
    switch (category(character)) {
        case UTF8PROC_CATEGORY_CN:
        case UTF8PROC_CATEGORY_CC:
        case UTF8PROC_CATEGORY_CF:
        case UTF8PROC_CATEGORY_CS:
        case UTF8PROC_CATEGORY_CO:
        case UTF8PROC_CATEGORY_ZS:
        case UTF8PROC_CATEGORY_ZL:
        case UTF8PROC_CATEGORY_ZP: return false;
        default: return true;
    }
}

bool is_upper(char32_t character) { return category(character) == UTF8PROC_CATEGORY_LU; }

bool is_lower(char32_t character) { return category(character) == UTF8PROC_CATEGORY_LL; }

std::string upper(std::string_view text) {
    std::u32string result;
    for (const char32_t character : code_points(text)) append_upper(result, character);
    return utf8(result);
}

std::string lower(std::string_view text) {
    const std::u32string all = code_points(text);
    std::u32string result;
    for (std::size_t i = 0; i < all.size(); ++i) append_lower(result, all, i);
    return utf8(result);
}

std::string capitalized(std::string_view text) {
    const std::u32string all = code_points(text);
    std::u32string result;
    for (std::size_t i = 0; i < all.size(); ++i) {
        if (i == 0) {
            append_title(result, all[0]);
        } else {
            append_lower(result, all, i);
        }
    }
    return utf8(result);
}

std::string title(std::string_view text) {
    const std::u32string all = code_points(text);
    std::u32string result;
    bool within = false;
    for (std::size_t i = 0; i < all.size(); ++i) {
        if (within) {
            append_lower(result, all, i);
        } else {
            append_title(result, all[i]);
        }
        within = is_cased(all[i]);
    }
    return utf8(result);
}

std::string_view strip(std::string_view text, bool left, bool right) {
    if (left) {
        while (!text.empty()) {
            if (!is_space(code_point_at(text, 0))) break;
            text.remove_prefix(character_size(text, 0));
        }
    }
    while (right && !text.empty()) {
        std::size_t begin = text.size() - 1;
        while (begin > 0 && continues(text[begin])) --begin;
        if (!is_space(code_point_at(text, begin))) break;
        text.remove_suffix(text.size() - begin);
    }
    return text;
}

std::string strip(std::string_view text, std::string_view characters, bool left, bool right) {
    const std::u32string all = code_points(text), stripped = code_points(characters);
    std::u32string_view rest = all;
    while (left && !rest.empty() && stripped.find(rest.front()) != stripped.npos) rest.remove_prefix(1);
    while (right && !rest.empty() && stripped.find(rest.back()) != stripped.npos) rest.remove_suffix(1);
    return utf8(rest);
}

}  // namespace nepenthe::text::jinja
