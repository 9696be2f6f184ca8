#include "unlearn/anchors/term_matcher.h"

#include "base/error.h"
#include "text/folded_text.h"
#include "text/letters.h"
#include "text/scripts.h"

#include <algorithm>
#include <limits>

namespace nepenthe::unlearn {

namespace {

bool is_superscript(char32_t c) {
    return c == 0xB2 || c == 0xB3 || c == 0xB9 || c == 0x2070 || (c >= 0x2074 && c <= 0x2079);
}

// A superscript behind a word is a reference to a note.
bool in_word(char32_t c) { return c != 0 && text::is_word_character(c) && !is_superscript(c); }

std::size_t end_of_hangul(std::string_view folded, std::size_t at) {
    while (at < folded.size() && text::is_hangul(text::decode_at(folded, at))) {
        at += text::character_length(folded[at]);
    }
    return at;
}

// A Korean word goes on behind its particle only with what is no letter.
bool particle_follows(std::string_view folded, std::size_t at) {
    const std::size_t end = end_of_hangul(folded, at);
    return is_korean_particle(folded.substr(at, end - at)) && !in_word(text::code_point_at(folded, end));
}

// An apostrophe at `at`, behind an s, is a possessive where a word follows and no quotation is open that it could
// close.
bool is_bare_possessive(std::string_view folded, std::size_t at) {
    if (!folded.substr(at).starts_with("' ") || at == 0 || (folded[at - 1] != 's' && folded[at - 1] != 'S')) {
        return false;
    }
    if (!in_word(text::code_point_at(folded, at + 2))) return false;
    constexpr std::size_t kFarthest = 1000;
    const std::size_t paragraph = folded.rfind('\n', at);
    std::size_t look = paragraph == std::string_view::npos ? 0 : paragraph + 1;
    look = std::max(look, at - std::min(at, kFarthest));
    bool open = false;
    for (; (look = folded.find('\'', look)) < at; ++look) {
        const char before = look > 0 ? folded[look - 1] : ' ', after = folded[look + 1];
        if (before == ' ' || before == '\n' || before == '(' || before == '-') {
            open = true;
        } else if (after == ' ' || std::string_view("\n.,;:!?)-").find(after) != std::string_view::npos) {
            open = false;
        }
    }
    return !open;
}

// Markup of one kind that begins or ends inside the occurrence alone is taken in whole: `_Port_ Ellery`.
text::TextRange with_whole_markup(std::string_view text, std::string_view spelled, text::TextRange range) {
    for (const char mark : {'_', '*'}) {
        const auto runs = [mark](std::string_view part) {
            std::ptrdiff_t count = 0;
            for (std::size_t i = 0; i < part.size(); ++i) count += part[i] == mark && (i == 0 || part[i - 1] != mark);
            return count;
        };
        if ((runs(text.substr(range.begin, range.end - range.begin)) - runs(spelled)) % 2 == 0) continue;
        if (range.begin > 0 && text[range.begin - 1] == mark) {
            while (range.begin > 0 && text[range.begin - 1] == mark) --range.begin;
        } else {
            while (range.end < text.size() && text[range.end] == mark) ++range.end;
        }
    }
    return range;
}

std::string with_double_s(std::string text) {
    for (const std::string_view sharp : {"ß", "ẞ"}) {
        for (std::size_t at = 0; (at = text.find(sharp, at)) != std::string::npos;)
            text.replace(at, sharp.size(), "SS");
    }
    return text;
}

}  // namespace

bool may_begin_word(std::string_view folded, std::size_t at) {
    const char32_t after = text::code_point_at(folded, at);
    if (text::is_mark(after)) return false;
    const char32_t before = text::code_point_before(folded, at);
    return !in_word(before) || !in_word(after) || text::writes_without_blanks(before) ||
           text::writes_without_blanks(after);
}

bool may_end_word(std::string_view folded, std::size_t at) {
    const char32_t after = text::code_point_at(folded, at);
    if (!in_word(after)) return true;
    if (text::is_mark(after)) return false;
    const char32_t before = text::code_point_before(folded, at);
    return !in_word(before) || text::writes_without_blanks(before) || text::writes_without_blanks(after);
}

std::string folded_term(std::string_view term) {
    for (bool marked = true; marked && term.size() > 2;) {
        marked = (term.front() == '_' || term.front() == '*') && term.back() == term.front();
        if (marked) term = term.substr(1, term.size() - 2);
    }
    const text::AlignedText folded = text::fold(term, text::Markup::kKept);
    std::string_view out = folded.text();
    while (out.starts_with(' ')) out.remove_prefix(1);
    while (out.ends_with(' ')) out.remove_suffix(1);
    std::string term_form(out);
    std::replace(term_form.begin(), term_form.end(), text::kLineEndHyphen, '-');
    return term_form;
}

std::size_t term_length(std::string_view term) {
    const std::string folded = folded_term(term);
    std::size_t length = 0;
    for (std::size_t at = 0; at < folded.size(); at += text::character_length(folded[at])) {
        length += text::is_syllabic(text::decode_at(folded, at)) ? 2 : 1;
    }
    return length;
}

std::vector<Surface> surfaces_of(const Dictionary& dictionary, const MatchRules& rules) {
    std::vector<Surface> surfaces;
    std::vector<std::pair<std::uint32_t, std::string>> terms;
    for (std::size_t i = 0; i < dictionary.entries.size(); ++i) {
        std::string folded = folded_term(dictionary.entries[i].term);
        if (folded.empty() || term_length(dictionary.entries[i].term) < rules.min_characters) continue;
        terms.emplace_back(static_cast<std::uint32_t>(i), std::move(folded));
    }
    const auto add = [&](const std::string& text, std::uint32_t term, Casing casing, Inflection inflection) {
        surfaces.push_back({text, term, casing, inflection});
    };
    const auto add_upper = [&](const std::string& text, std::uint32_t term, Inflection inflection) {
        add(text::to_upper(text), term, Casing::kUpper, inflection);
        if (text.find("ß") != std::string::npos)
            add(with_double_s(text::to_upper(text)), term, Casing::kUpper, inflection);
    };
    for (const auto& [term, text] : terms) add(text, term, Casing::kAsGiven, Inflection::kNone);
    for (const auto& [term, text] : terms) {
        if (!rules.casings) break;
        const std::string lower = text::to_lower(text);
        add(lower, term, Casing::kLower, Inflection::kNone);
        add_upper(text, term, Inflection::kNone);
        add(text::capitalize_words(lower), term, Casing::kTitle, Inflection::kNone);
    }
    for (const auto& [term, text] : terms) {
        if (!rules.inflections) break;
        for (const std::string& plural : plurals(text)) {
            add(plural, term, Casing::kAsGiven, Inflection::kPlural);
            if (!rules.casings) continue;
            add_upper(plural, term, Inflection::kPlural);
            // A name in lower case is another word ("Wood", "woods").
            if (text::to_lower(text) == text)
                add(text::capitalize_words(plural), term, Casing::kTitle, Inflection::kPlural);
        }
    }
    return surfaces;
}

TermMatcher::TermMatcher(const Dictionary& dictionary, const MatchRules& rules)
    : rules_(rules), index_(surfaces_of(dictionary, rules)) {}

std::optional<TermMatcher::Found> TermMatcher::match_at(const text::AlignedText& folded, std::string_view text,
                                                        std::size_t at) const {
    const std::string_view line = folded.text();
    const Surface* best = nullptr;
    std::size_t end = at;
    text::TextRange range;
    index_.prefixes_at(line, at, [&](std::size_t candidate_end, const Surface& surface) {
        const bool ends = may_end_word(line, candidate_end) ||
                          (rules_.inflections && text::is_hangul(text::code_point_at(line, candidate_end)) &&
                           particle_follows(line, candidate_end));
        if (!ends) return;
        const auto original =
            text::original_range(folded, {static_cast<std::uint32_t>(at), static_cast<std::uint32_t>(candidate_end)});
        if (!original) return;
        best = &surface;
        end = candidate_end;
        range = *original;
    });
    if (best == nullptr) return std::nullopt;
    range = with_whole_markup(text, best->text, range);
    Found found{{range.begin, range.end, best->term, best->casing, best->inflection}, end};
    if (!rules_.inflections) return found;
    const auto take_in = [&](std::size_t bytes, Inflection inflection) {
        const auto more =
            text::original_range(folded, {static_cast<std::uint32_t>(at), static_cast<std::uint32_t>(end + bytes)});
        // Not where the term is marked up and what follows is not.
        if (!more || text.substr(range.end, more->end - range.end).find_first_of("_*") != std::string_view::npos)
            return;
        found.match.end = more->end;
        found.match.inflection = inflection;
        found.folded_end = end + bytes;
    };
    if (best->inflection == Inflection::kNone && is_bare_possessive(line, end)) {
        take_in(1, Inflection::kBarePossessive);
    } else if (text::is_hangul(text::code_point_at(line, end))) {
        const std::string_view particle = line.substr(end, end_of_hangul(line, end) - end);
        if (const std::size_t bytes = agreeing_bytes(particle)) take_in(bytes, Inflection::kParticle);
    }
    return found;
}

std::vector<TermMatch> TermMatcher::find_all(std::string_view text) const {
    NEPENTHE_CHECK(text.size() < std::numeric_limits<std::uint32_t>::max());
    const text::AlignedText folded = text::fold(text, text::Markup::kDropped);
    const std::string_view line = folded.text();
    std::vector<TermMatch> found;
    for (std::size_t at = 0; at < line.size();) {
        if (index_.may_begin_with(line[at]) && may_begin_word(line, at)) {
            if (const auto match = match_at(folded, text, at)) {
                found.push_back(match->match);
                at = match->folded_end;
                continue;
            }
        }
        at += text::character_length(line[at]);
    }
    return found;
}

}  // namespace nepenthe::unlearn
