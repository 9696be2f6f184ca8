#include "text/bert_characters.h"

#include "text/unicode.h"

#include <utf8proc.h>

#include <algorithm>
#include <span>
#include <string_view>

namespace nepenthe::text {

namespace {

struct Range {
    char32_t first, last;
};

bool contains(std::span<const Range> ranges, char32_t code_point) {
    const auto next = std::ranges::upper_bound(ranges, code_point, {}, &Range::first);
    return next != ranges.begin() && code_point <= std::prev(next)->last;
}

// Of the category in Unicode 14, not in Unicode 8.
constexpr Range kNewerFormats[] = {{0x890, 0x891}, {0x8E2, 0x8E2}, {0x110CD, 0x110CD}, {0x13430, 0x13438}};
constexpr Range kNewerPunctuation[] = {
    {0x61D, 0x61D},     {0x9FD, 0x9FD},     {0xA76, 0xA76},     {0xC77, 0xC77},     {0xC84, 0xC84},
    {0x1B7D, 0x1B7E},   {0x2E43, 0x2E4F},   {0x2E52, 0x2E5D},   {0x10EAD, 0x10EAD}, {0x10F55, 0x10F59},
    {0x10F86, 0x10F89}, {0x1144B, 0x1144F}, {0x1145A, 0x1145B}, {0x1145D, 0x1145D}, {0x11660, 0x1166C},
    {0x116B9, 0x116B9}, {0x1183B, 0x1183B}, {0x11944, 0x11946}, {0x119E2, 0x119E2}, {0x11A3F, 0x11A46},
    {0x11A9A, 0x11A9C}, {0x11A9E, 0x11AA2}, {0x11C41, 0x11C45}, {0x11C70, 0x11C71}, {0x11EF7, 0x11EF8},
    {0x11FFF, 0x11FFF}, {0x12FF1, 0x12FF2}, {0x16E97, 0x16E9A}, {0x16FE2, 0x16FE2}, {0x1E95E, 0x1E95F},
};
constexpr Range kNewerMarks[] = {
    {0x7FD, 0x7FD},     {0x898, 0x89F},     {0x8CA, 0x8E1},     {0x9FE, 0x9FE},     {0xAFA, 0xAFF},
    {0xB55, 0xB55},     {0xC04, 0xC04},     {0xC3C, 0xC3C},     {0xD00, 0xD00},     {0xD3B, 0xD3C},
    {0xD81, 0xD81},     {0xEBA, 0xEBA},     {0x180F, 0x180F},   {0x1885, 0x1886},   {0x1ABF, 0x1ACE},
    {0x1DF6, 0x1DFB},   {0xA82C, 0xA82C},   {0xA8C5, 0xA8C5},   {0xA8FF, 0xA8FF},   {0xA9BD, 0xA9BD},
    {0x10D24, 0x10D27}, {0x10EAB, 0x10EAC}, {0x10F46, 0x10F50}, {0x10F82, 0x10F85}, {0x11070, 0x11070},
    {0x11073, 0x11074}, {0x110C2, 0x110C2}, {0x111C9, 0x111C9}, {0x111CF, 0x111CF}, {0x1123E, 0x1123E},
    {0x1133B, 0x1133B}, {0x11438, 0x1143F}, {0x11442, 0x11444}, {0x11446, 0x11446}, {0x1145E, 0x1145E},
    {0x1182F, 0x11837}, {0x11839, 0x1183A}, {0x1193B, 0x1193C}, {0x1193E, 0x1193E}, {0x11943, 0x11943},
    {0x119D4, 0x119D7}, {0x119DA, 0x119DB}, {0x119E0, 0x119E0}, {0x11A01, 0x11A0A}, {0x11A33, 0x11A38},
    {0x11A3B, 0x11A3E}, {0x11A47, 0x11A47}, {0x11A51, 0x11A56}, {0x11A59, 0x11A5B}, {0x11A8A, 0x11A96},
    {0x11A98, 0x11A99}, {0x11C30, 0x11C36}, {0x11C38, 0x11C3D}, {0x11C3F, 0x11C3F}, {0x11C92, 0x11CA7},
    {0x11CAA, 0x11CB0}, {0x11CB2, 0x11CB3}, {0x11CB5, 0x11CB6}, {0x11D31, 0x11D36}, {0x11D3A, 0x11D3A},
    {0x11D3C, 0x11D3D}, {0x11D3F, 0x11D45}, {0x11D47, 0x11D47}, {0x11D90, 0x11D91}, {0x11D95, 0x11D95},
    {0x11D97, 0x11D97}, {0x11EF3, 0x11EF4}, {0x16F4F, 0x16F4F}, {0x16FE4, 0x16FE4}, {0x1CF00, 0x1CF2D},
    {0x1CF30, 0x1CF46}, {0x1E000, 0x1E006}, {0x1E008, 0x1E018}, {0x1E01B, 0x1E021}, {0x1E023, 0x1E024},
    {0x1E026, 0x1E02A}, {0x1E130, 0x1E136}, {0x1E2AE, 0x1E2AE}, {0x1E2EC, 0x1E2EF}, {0x1E944, 0x1E94A},
};

// The category by Unicode 14, "Cn" for what came later, whatever the library knows.
std::string_view category_of(char32_t code_point) {
    const std::span<const CategoryRange> later = categories_since_unicode_15();
    const auto next = std::ranges::upper_bound(later, code_point, {}, &CategoryRange::first);
    if (next != later.begin() && code_point <= std::prev(next)->last) return "Cn";
    return utf8proc_category_string(static_cast<utf8proc_int32_t>(code_point));
}

constexpr char32_t kReplacementCharacter = 0xFFFD;

}  // namespace

bool is_bert_control(char32_t code_point) {
    if (code_point >= 0x20 && code_point < 0x7F) return false;
    if (code_point == '\t' || code_point == '\n' || code_point == '\r') return false;
    if (code_point == kReplacementCharacter) return true;
    const std::string_view category = category_of(code_point);
    const bool other = category == "Cc" || category == "Cf" || category == "Co";
    return other && !contains(kNewerFormats, code_point);
}

bool is_bert_space(char32_t code_point) { return is_white_space(code_point); }

bool is_bert_punctuation(char32_t code_point) {
    if (code_point < 0x80) return is_punctuation(code_point);
    constexpr char32_t kOnceAMark[] = {0x166D, 0x111C9};  // in Unicode 8
    if (std::ranges::find(kOnceAMark, code_point) != std::end(kOnceAMark)) return true;
    return category_of(code_point)[0] == 'P' && !contains(kNewerPunctuation, code_point);
}

bool is_bert_accent(char32_t code_point) {
    constexpr char32_t kHanunooPamudpod = 0x1734;  // no longer a non-spacing mark
    if (code_point == kHanunooPamudpod) return true;
    return code_point >= 0x300 && category_of(code_point) == "Mn" && !contains(kNewerMarks, code_point);
}

bool is_bert_ideograph(char32_t code_point) {
    constexpr Range kBlocks[] = {{0x3400, 0x4DBF},   {0x4E00, 0x9FFF},   {0xF900, 0xFAFF},  {0x20000, 0x2A6DF},
                                 {0x2A700, 0x2B81F}, {0x2B920, 0x2CEAF}, {0x2F800, 0x2FA1F}};
    return contains(kBlocks, code_point);
}

}  // namespace nepenthe::text
