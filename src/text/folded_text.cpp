#include "text/folded_text.h"

#include "text/letters.h"
#include "text/scripts.h"

#include <utf8proc.h>

#include <algorithm>
#include <array>
#include <vector>

namespace nepenthe::text {

namespace {

bool is_hyphen(char32_t c) { return c == U'-' || c == 0x2010; }

bool is_dash(char32_t c) {
    return c == U'-' || (c >= 0x2010 && c <= 0x2015) || c == 0x2212 || c == 0x05BE || c == 0x2E3A || c == 0x2E3B ||
           c == 0xFE58 || c == 0xFE63 || c == 0xFF0D;
}

bool is_left_out(char32_t c) {
    if (c < 0xAD) return false;
    return c == 0xAD || c == 0x034F || c == 0x061C || c == 0x0640 || c == 0x180E || (c >= 0x200B && c <= 0x200F) ||
           (c >= 0x202A && c <= 0x202E) || (c >= 0x2060 && c <= 0x2064) || (c >= 0x2066 && c <= 0x2069) ||
           (c >= 0xFE00 && c <= 0xFE0F) || c == 0xFEFF || (c >= 0xE0100 && c <= 0xE01EF);
}

// The mark that stands for all of its kind; 0 where `c` is none of these kinds.
char32_t common_mark(char32_t c) {
    switch (c) {
        case U'`':
        case 0x00B4:
        case 0x02B9:
        case 0x02BB:
        case 0x02BC:
        case 0x02BD:
        case 0x02C8:
        case 0x055A:
        case 0x05F3:
        case 0x2018:
        case 0x2019:
        case 0x201A:
        case 0x201B:
        case 0x2032:
        case 0x2035:
        case 0x2039:
        case 0x203A:
        case 0xA78C:
        case 0xFF07:
        case 0xFF40: return U'\'';
        case 0x00AB:
        case 0x00BB:
        case 0x02BA:
        case 0x05F4:
        case 0x201C:
        case 0x201D:
        case 0x201E:
        case 0x201F:
        case 0x2033:
        case 0x2036:
        case 0x301D:
        case 0x301E:
        case 0x301F:
        case 0xFF02: return U'"';
        case 0x0387:
        case 0x2022:
        case 0x2027:
        case 0x2219:
        case 0x22C5:
        case 0x30FB:
        case 0xFF65: return 0x00B7;
        case 0x301C: return U'~';
        default: return 0;
    }
}

const utf8proc_property_t& properties(char32_t c) { return *utf8proc_get_property(static_cast<utf8proc_int32_t>(c)); }

// Belongs to the character before it in a normal form.
bool is_extending(char32_t c) { return (c >= 0x1160 && c <= 0x11FF) || c == 0xFF9E || c == 0xFF9F || is_mark(c); }

// Other shapes of the same letters. Superscripts, fractions and circled numbers say something else.
bool is_other_shape(const utf8proc_property_t& property) {
    switch (property.decomp_type) {
        case UTF8PROC_DECOMP_TYPE_FONT:
        case UTF8PROC_DECOMP_TYPE_NOBREAK:
        case UTF8PROC_DECOMP_TYPE_INITIAL:
        case UTF8PROC_DECOMP_TYPE_MEDIAL:
        case UTF8PROC_DECOMP_TYPE_FINAL:
        case UTF8PROC_DECOMP_TYPE_ISOLATED:
        case UTF8PROC_DECOMP_TYPE_VERTICAL:
        case UTF8PROC_DECOMP_TYPE_WIDE:
        case UTF8PROC_DECOMP_TYPE_NARROW:
        case UTF8PROC_DECOMP_TYPE_SMALL:
        case UTF8PROC_DECOMP_TYPE_COMPAT: return true;
        default: return false;
    }
}

constexpr std::uint16_t kNoDecomposition = UINT16_MAX;

// A character in its parts: canonically, and as plain letters where it is another shape of them. It stays whole where
// these would begin with a blank (accents that stand alone).
void append_parts(char32_t c, std::vector<utf8proc_int32_t>& out) {
    std::array<utf8proc_int32_t, 32> parts{};
    int boundary = 0;
    const int options = UTF8PROC_DECOMPOSE | UTF8PROC_STABLE | (is_other_shape(properties(c)) ? UTF8PROC_COMPAT : 0);
    const utf8proc_ssize_t count = utf8proc_decompose_char(static_cast<utf8proc_int32_t>(c), parts.data(), parts.size(),
                                                           static_cast<utf8proc_option_t>(options), &boundary);
    if (count < 1 || count > static_cast<utf8proc_ssize_t>(parts.size()) || parts[0] == ' ') {
        out.push_back(static_cast<utf8proc_int32_t>(c));
    } else {
        out.insert(out.end(), parts.begin(), parts.begin() + count);
    }
}

// Form NFC of characters in their parts, in place.
void order_and_compose(std::vector<utf8proc_int32_t>& parts) {
    const auto mark_class = [](utf8proc_int32_t c) { return utf8proc_get_property(c)->combining_class; };
    for (auto run = parts.begin(); run != parts.end();) {
        run = std::find_if(run, parts.end(), [&](auto c) { return mark_class(c) != 0; });
        const auto end = std::find_if(run, parts.end(), [&](auto c) { return mark_class(c) == 0; });
        std::stable_sort(run, end, [&](auto a, auto b) { return mark_class(a) < mark_class(b); });
        run = end;
    }
    const auto count = utf8proc_normalize_utf32(parts.data(), static_cast<utf8proc_ssize_t>(parts.size()),
                                                static_cast<utf8proc_option_t>(UTF8PROC_COMPOSE | UTF8PROC_STABLE));
    parts.resize(static_cast<std::size_t>(std::max<utf8proc_ssize_t>(count, 0)));
}

class Folder {
  public:
    Folder(std::string_view original, Markup markup)
        : source_(original), text_(original), markup_(markup), builder_(source_) {}

    AlignedText run() {
        while (at_ < text_.size()) step();
        copy_plain(at_);
        return builder_.finish();
    }

  private:
    // Bytes [plain_, at_) are as they should be and not yet copied.
    void step() {
        const char byte = text_[at_];
        if (static_cast<unsigned char>(byte) < 0x80) {
            if (byte == ' ' || (byte >= '\t' && byte <= '\r')) return white_space();
            if (byte == '-') return dashes();
            if (byte == '`') return replace(at_ + 1, "'");
            if ((byte == '_' || byte == '*') && markup_ == Markup::kDropped) return marks();
            ++at_;
            return;
        }
        const char32_t c = decode_at(text_, at_);
        const std::size_t end = at_ + character_length(byte);
        if (is_left_out(c)) return leave_out(c, end);
        if (is_white_space(c)) return white_space();
        if (is_dash(c)) return dashes();
        if (const char32_t mark = common_mark(c)) {
            std::string encoded;
            append_utf8(encoded, mark);
            return replace(end, encoded);
        }
        cluster(c, end);
    }

    void copy_plain(std::size_t end) {
        if (end > plain_) builder_.copy({static_cast<std::uint32_t>(plain_), static_cast<std::uint32_t>(end)});
        plain_ = end;
    }

    // What lies in [at_, end) becomes `text`.
    void replace(std::size_t end, std::string_view text) {
        if (text_.substr(at_, end - at_) == text) {
            at_ = end;
            return;
        }
        copy_plain(at_);
        if (!text.empty()) builder_.put(text, {static_cast<std::uint32_t>(at_), static_cast<std::uint32_t>(end)});
        at_ = plain_ = end;
    }

    struct Gap {
        std::size_t end;
        int line_breaks = 0;
    };

    // White space from `begin` on, with what is left out inside it.
    Gap gap_at(std::size_t begin) const {
        Gap gap{begin, 0};
        for (std::size_t at = begin; at < text_.size();) {
            const char32_t c = decode_at(text_, at);
            at += character_length(text_[at]);
            if (is_white_space(c)) {
                if (c == U'\r' && at < text_.size() && text_[at] == '\n') continue;
                if (c == U'\n' || c == U'\r' || c == 0x85 || c == 0x2028) ++gap.line_breaks;
                if (c == 0x2029) gap.line_breaks += 2;
                gap.end = at;
            } else if (!is_left_out(c)) {
                break;
            }
        }
        return gap;
    }

    void white_space() {
        const Gap gap = gap_at(at_);
        if (gap.line_breaks > 1) open_ = {};
        const bool in_a_run = gap.line_breaks == 1 && writes_without_blanks(code_point_before(text_, at_)) &&
                              writes_without_blanks(code_point_at(text_, gap.end));
        replace(gap.end, gap.line_breaks > 1 ? "\n" : in_a_run ? "" : " ");
    }

    void leave_out(char32_t c, std::size_t end) {
        constexpr char32_t kSoftHyphen = 0xAD;
        if (c == kSoftHyphen) {
            if (const Gap gap = gap_at(end); gap.line_breaks == 1) end = gap.end;
        }
        replace(end, "");
    }

    void dashes() {
        std::size_t end = at_ + character_length(text_[at_]);
        if (is_hyphen(decode_at(text_, at_)) && is_word_character(code_point_before(text_, at_))) {
            const Gap gap = gap_at(end);
            if (gap.line_breaks == 1 && is_word_character(code_point_at(text_, gap.end))) {
                return replace(gap.end, std::string_view(&kLineEndHyphen, 1));
            }
        }
        while (end < text_.size() && is_dash(decode_at(text_, end))) end += character_length(text_[end]);
        replace(end, "-");
    }

    // A run of one kind of mark. At the edge of a word it is markup, inside one where it closes what such a run opened.
    void marks() {
        const char kind = text_[at_];
        const std::size_t end = std::min(text_.find_first_not_of(kind, at_), text_.size());
        const char32_t before = code_point_before(text_, at_), after = code_point_at(text_, end);
        const auto is_word = [](char32_t c) { return c != U'_' && is_word_character(c); };
        const auto is_blank = [](char32_t c) { return c == 0 || is_white_space(c); };
        std::size_t& open = open_[kind == '_' ? 0 : 1];
        const bool inside = is_word(before) && is_word(after);
        const bool closes = open == end - at_ && !is_blank(before);
        if ((is_blank(before) && is_blank(after)) || (inside && !closes)) {
            at_ = end;
            return;
        }
        open = closes || is_blank(after) ? 0 : end - at_;
        replace(end, "");
    }

    // A character with what extends it, in its normal form.
    void cluster(char32_t c, std::size_t end) {
        std::size_t begin = at_;
        // A mark behind an ASCII letter, which was taken for plain.
        if (is_extending(c) && begin > plain_ && static_cast<unsigned char>(text_[begin - 1]) < 0x80) --begin;
        while (end < text_.size() && is_extending(code_point_at(text_, end))) end += character_length(text_[end]);
        const std::size_t length = character_length(text_[begin]);
        if (end - begin == length && properties(c).decomp_seqindex == kNoDecomposition) {
            at_ = end;
            return;
        }
        code_points_.clear();
        for (std::size_t at = begin; at < end; at += character_length(text_[at])) {
            append_parts(decode_at(text_, at), code_points_);
        }
        order_and_compose(code_points_);
        encoded_.clear();
        for (const utf8proc_int32_t part : code_points_) append_utf8(encoded_, static_cast<char32_t>(part));
        at_ = begin;
        replace(end, encoded_);
    }

    AlignedText source_;
    std::string_view text_;
    Markup markup_;
    AlignedTextBuilder builder_;
    std::size_t at_ = 0, plain_ = 0;
    std::array<std::size_t, 2> open_{};  // lengths of the runs of _ and * that this paragraph opened
    std::vector<utf8proc_int32_t> code_points_;
    std::string encoded_;
};

}  // namespace

AlignedText fold(std::string_view original, Markup markup) { return Folder(original, markup).run(); }

std::optional<TextRange> original_range(const AlignedText& folded, TextRange range) {
    const auto joined = [&](std::uint32_t at) {
        return at > 0 && at < folded.text().size() && folded.span(at).begin < folded.span(std::size_t{at} - 1).end;
    };
    if (joined(range.begin) || joined(range.end)) return std::nullopt;
    const Offset span = folded.span(range);
    return TextRange{span.begin, span.end};
}

}  // namespace nepenthe::text
