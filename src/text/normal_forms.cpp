#include "text/normal_forms.h"

#include "base/error.h"

#include <utf8proc.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <optional>

namespace nepenthe::text {

namespace {

// Code points with a combining class or a decomposition of which Unicode 10 knew nothing.
constexpr char32_t kNewer[][2] = {
    {0x7FD, 0x7FD},     {0x898, 0x89F},     {0x8CA, 0x8D3},     {0x9FE, 0x9FE},     {0xC3C, 0xC3C},
    {0xD3B, 0xD3C},     {0xEBA, 0xEBA},     {0x1715, 0x1715},   {0x1ABF, 0x1ACE},   {0x1DF6, 0x1DFA},
    {0x32FF, 0x32FF},   {0xA7F2, 0xA7F4},   {0xA82C, 0xA82C},   {0xAB69, 0xAB69},   {0x10781, 0x10785},
    {0x10787, 0x107B0}, {0x107B2, 0x107BA}, {0x10D24, 0x10D27}, {0x10EAB, 0x10EAC}, {0x10EFD, 0x10EFF},
    {0x10F46, 0x10F50}, {0x10F82, 0x10F85}, {0x11070, 0x11070}, {0x1133B, 0x1133B}, {0x1145E, 0x1145E},
    {0x11839, 0x1183A}, {0x11935, 0x11935}, {0x11938, 0x11938}, {0x1193D, 0x1193E}, {0x11943, 0x11943},
    {0x119E0, 0x119E0}, {0x11A34, 0x11A34}, {0x11A47, 0x11A47}, {0x11A99, 0x11A99}, {0x11D42, 0x11D42},
    {0x11D44, 0x11D45}, {0x11D97, 0x11D97}, {0x11F41, 0x11F42}, {0x16FF0, 0x16FF1}, {0x1E030, 0x1E06D},
    {0x1E08F, 0x1E08F}, {0x1E130, 0x1E136}, {0x1E2AE, 0x1E2AE}, {0x1E2EC, 0x1E2EF}, {0x1E4EC, 0x1E4EF},
    {0x1F16C, 0x1F16C}, {0x1FBF0, 0x1FBF9},
};

bool is_newer(char32_t code_point) {
    const auto* range =
        std::upper_bound(std::begin(kNewer), std::end(kNewer), code_point,
                         [](char32_t value, const char32_t(&candidate)[2]) { return value < candidate[0]; });
    return range != std::begin(kNewer) && code_point <= (*std::prev(range))[1];
}

int combining_class(char32_t code_point) {
    if (code_point < 0x300 || is_newer(code_point)) return 0;
    return utf8proc_get_property(static_cast<utf8proc_int32_t>(code_point))->combining_class;
}

struct Decomposed {
    char32_t code_point;
    int change;
    int combining_class;
};

void decompose(char32_t code_point, bool compatible, std::vector<Decomposed>& out) {
    // The longest decomposition of one code point has 18.
    std::array<utf8proc_int32_t, 32> parts{};
    utf8proc_ssize_t count = 1;
    parts[0] = static_cast<utf8proc_int32_t>(code_point);
    if (code_point >= 0xA0 && !is_newer(code_point)) {
        int boundary_class = 0;
        const int options = UTF8PROC_DECOMPOSE | UTF8PROC_STABLE | (compatible ? UTF8PROC_COMPAT : 0);
        count = utf8proc_decompose_char(static_cast<utf8proc_int32_t>(code_point), parts.data(), parts.size(),
                                        static_cast<utf8proc_option_t>(options), &boundary_class);
        NEPENTHE_CHECK(count >= 1 && count <= static_cast<utf8proc_ssize_t>(parts.size()));
    }
    for (utf8proc_ssize_t i = 0; i < count; ++i) {
        const auto part = static_cast<char32_t>(parts[static_cast<std::size_t>(i)]);
        out.push_back({part, i == 0 ? 0 : 1, combining_class(part)});
    }
}

// Canonical order: marks between two starters sorted by class, stably.
void sort_marks(std::vector<Decomposed>& characters) {
    auto run = characters.begin();
    while (run != characters.end()) {
        if (run->combining_class == 0) {
            ++run;
            continue;
        }
        const auto end =
            std::find_if(run, characters.end(), [](const Decomposed& d) { return d.combining_class == 0; });
        std::stable_sort(
            run, end, [](const Decomposed& a, const Decomposed& b) { return a.combining_class < b.combining_class; });
        run = end;
    }
}

std::optional<char32_t> compose_pair(char32_t first, char32_t second) {
    if (is_newer(first) || is_newer(second)) return std::nullopt;
    utf8proc_int32_t pair[2] = {static_cast<utf8proc_int32_t>(first), static_cast<utf8proc_int32_t>(second)};
    const auto length =
        utf8proc_normalize_utf32(pair, 2, static_cast<utf8proc_option_t>(UTF8PROC_COMPOSE | UTF8PROC_STABLE));
    if (length != 1 || is_newer(static_cast<char32_t>(pair[0]))) return std::nullopt;
    return static_cast<char32_t>(pair[0]);
}

// Canonical composition (Unicode Standard, section 3.11). A composed character replaces all that it is made of.
std::vector<TransformedCharacter> compose(const std::vector<Decomposed>& characters) {
    std::vector<TransformedCharacter> out;
    out.reserve(characters.size());
    std::optional<std::size_t> starter;  // index in `out`
    int last_class = -1;                 // of the characters kept behind the starter; -1: none
    for (const Decomposed& character : characters) {
        const bool blocked = last_class >= character.combining_class;
        if (starter && !blocked) {
            if (const auto composed = compose_pair(out[*starter].code_point, character.code_point)) {
                out[*starter].code_point = *composed;
                out[*starter].change += character.change - 1;
                continue;
            }
        }
        if (character.combining_class == 0) {
            starter = out.size();
            last_class = -1;
        } else if (starter) {
            last_class = character.combining_class;
        }
        out.push_back({character.code_point, character.change});
    }
    return out;
}

// Text that is in every form already: Latin-1's ASCII half, and for NFC all below the combining marks and the usual
// punctuation of books.
bool is_plain(std::string_view text, NormalForm form) {
    for (std::size_t at = 0; at < text.size();) {
        const auto byte = static_cast<unsigned char>(text[at]);
        if (byte < 0x80) {
            ++at;
            continue;
        }
        if (form != NormalForm::kNfc) return false;
        const char32_t code_point = decode_at(text, at);
        if (code_point >= 0x300 && !(code_point >= 0x2010 && code_point <= 0x2027)) return false;
        at += character_length(text[at]);
    }
    return true;
}

}  // namespace

void normalize(AlignedText& text, NormalForm form) {
    const std::string_view old = text.text();
    if (is_plain(old, form)) return;
    const bool compatible = form == NormalForm::kNfkc || form == NormalForm::kNfkd;
    std::vector<Decomposed> decomposed;
    decomposed.reserve(old.size());
    for (std::size_t at = 0; at < old.size(); at += character_length(old[at])) {
        decompose(decode_at(old, at), compatible, decomposed);
    }
    sort_marks(decomposed);
    std::vector<TransformedCharacter> characters;
    if (form == NormalForm::kNfc || form == NormalForm::kNfkc) {
        characters = compose(decomposed);
    } else {
        for (const Decomposed& d : decomposed) characters.push_back({d.code_point, d.change});
    }
    std::string rewritten;
    bool moved = false;
    for (const TransformedCharacter& character : characters) {
        append_utf8(rewritten, character.code_point);
        moved = moved || character.change != 0;
    }
    if (moved || rewritten != old) transform(text, characters);
}

}  // namespace nepenthe::text
