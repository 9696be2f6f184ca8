#include "text/scripts.h"

#include "text/code_point_range.h"

namespace nepenthe::text {

namespace {

// By Unicode's blocks, sorted.
constexpr CodePointRange kWithoutBlanks[] = {
    {0x0E00, 0x0EFF},    // Thai, Lao
    {0x0F00, 0x0FFF},    // Tibetan
    {0x1000, 0x109F},    // Myanmar
    {0x1780, 0x17FF},    // Khmer
    {0x1950, 0x19DF},    // Tai Le, New Tai Lue
    {0x1A20, 0x1AAF},    // Tai Tham
    {0x1B00, 0x1B7F},    // Balinese
    {0x2E80, 0x2FDF},    // radicals
    {0x2FF0, 0x2FFF},    // ideographic description
    {0x3001, 0x312F},    // CJK punctuation without its blank, kana, bopomofo
    {0x3190, 0x4DBF},    // annotation, bopomofo, strokes, kana, enclosed and compatible forms, Han
    {0x4E00, 0x9FFF},    // Han
    {0xA000, 0xA4CF},    // Yi
    {0xA980, 0xA9DF},    // Javanese
    {0xA9E0, 0xA9FF},    // Myanmar
    {0xAA60, 0xAADF},    // Myanmar, Tai Viet
    {0xF900, 0xFAFF},    // Han
    {0xFE30, 0xFE4F},    // vertical forms
    {0xFF01, 0xFF9F},    // full-width forms, half-width katakana
    {0xFFE0, 0xFFE6},    // full-width signs
    {0x16FE0, 0x18DFF},  // Tangut, Khitan, Nushu's marks
    {0x1AFF0, 0x1B2FF},  // kana, Nushu
    {0x20000, 0x3FFFF},  // Han
};

constexpr CodePointRange kHangul[] = {
    {0x1100, 0x11FF}, {0x3131, 0x318E}, {0xA960, 0xA97F}, {0xAC00, 0xD7A3}, {0xD7B0, 0xD7FF},
};

constexpr CodePointRange kSyllabic[] = {
    {0x3005, 0x3007}, {0x3400, 0x4DBF}, {0x4E00, 0x9FFF}, {0xAC00, 0xD7A3}, {0xF900, 0xFAFF}, {0x20000, 0x3FFFF},
};

}  // namespace

bool writes_without_blanks(char32_t code_point) {
    return code_point >= 0x0E00 && contains(kWithoutBlanks, code_point) && !is_hangul(code_point);
}

bool is_hangul(char32_t code_point) { return code_point >= 0x1100 && contains(kHangul, code_point); }

bool is_syllabic(char32_t code_point) { return code_point >= 0x3005 && contains(kSyllabic, code_point); }

}  // namespace nepenthe::text
