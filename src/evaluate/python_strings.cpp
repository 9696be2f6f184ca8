#include "evaluate/python_strings.h"

#include "text/letters.h"

namespace nepenthe::evaluate {

namespace {

// Bytes of the character that starts with this byte, in valid UTF-8.
std::size_t character_bytes(char first) {
    const auto byte = static_cast<unsigned char>(first);
    return byte < 0x80 ? 1 : byte < 0xE0 ? 2 : byte < 0xF0 ? 3 : 4;
}

}  // namespace

bool is_python_space(char32_t c) {
    return (c >= 0x09 && c <= 0x0D) || (c >= 0x1C && c <= 0x20) || c == 0x85 || c == 0xA0 || c == 0x1680 ||
           (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 || c == 0x202F || c == 0x205F || c == 0x3000;
}

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

std::string capitalize(std::string_view text) {
    if (text.empty()) return "";
    const std::size_t first = character_bytes(text[0]);
    return text::to_upper(text.substr(0, first)) + text::to_lower(text.substr(first));
}

}  // namespace nepenthe::evaluate
