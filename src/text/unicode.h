#pragma once
// Code points of UTF-8 text and their properties, as the tokenizers' regular expressions and normalizers see them:
// Unicode 16 general categories, whatever older table the system's libraries carry.

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace nepenthe::text {

// Bytes [begin, end) of some text.
struct TextRange {
    std::uint32_t begin = 0;
    std::uint32_t end = 0;
    bool operator==(const TextRange&) const = default;
};

inline bool is_continuation_byte(char byte) { return (static_cast<unsigned char>(byte) & 0xC0u) == 0x80u; }

// Bytes of the character that begins with `lead`, in valid UTF-8.
inline std::size_t character_length(char lead) {
    const auto byte = static_cast<unsigned char>(lead);
    return byte < 0x80 ? 1u : byte < 0xE0 ? 2u : byte < 0xF0 ? 3u : 4u;
}

// The code point that begins at byte `at` of valid UTF-8.
inline char32_t decode_at(std::string_view text, std::size_t at) {
    const auto byte = [&](std::size_t i) { return static_cast<char32_t>(static_cast<unsigned char>(text[at + i])); };
    switch (character_length(text[at])) {
        case 1: return byte(0);
        case 2: return (byte(0) & 0x1Fu) << 6 | (byte(1) & 0x3Fu);
        case 3: return (byte(0) & 0x0Fu) << 12 | (byte(1) & 0x3Fu) << 6 | (byte(2) & 0x3Fu);
        default: return (byte(0) & 0x07u) << 18 | (byte(1) & 0x3Fu) << 12 | (byte(2) & 0x3Fu) << 6 | (byte(3) & 0x3Fu);
    }
}

void append_utf8(std::string& out, char32_t code_point);

// The White_Space property.
bool is_white_space(char32_t code_point);
// General category L.
bool is_letter(char32_t code_point);
// General category N, by Unicode 17.
bool is_numeric(char32_t code_point);
// General category P, or one of ASCII's symbols.
bool is_punctuation(char32_t code_point);
// What \w means: alphabetic, a mark, a decimal digit, connector punctuation or a join control.
bool is_word(char32_t code_point);

// Code points that Unicode 15 and 16 assigned, with their two-letter general category, sorted. Added to every category
// of a library that knows only Unicode 14 they give Unicode 16's.
struct CategoryRange {
    char32_t first;
    char32_t last;
    char category[3];
};
std::span<const CategoryRange> categories_since_unicode_15();

}  // namespace nepenthe::text
