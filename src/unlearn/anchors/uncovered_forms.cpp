#include "unlearn/anchors/uncovered_forms.h"

#include "text/folded_text.h"
#include "text/letters.h"
#include "text/scripts.h"

#include <algorithm>

namespace nepenthe::unlearn {

namespace {

constexpr std::size_t kShortestStem = 4, kLongestEnding = 4;

bool is_letter(char32_t c) { return c != 0 && text::is_word_character(c) && c != U'_'; }

bool is_vowel(char32_t letter) {
    return std::u32string_view(U"aeiouäöüáéíóúàèìòùаеёиоуыэюяαεηιουωάέήίόύώ").find(letter) != std::u32string_view::npos;
}

std::vector<Surface> stems_of(const Dictionary& dictionary, MatchRules rules) {
    rules.inflections = false;
    rules.min_characters = std::max(rules.min_characters, kShortestStem);
    std::vector<Surface> stems = surfaces_of(dictionary, rules);
    // "oz" is no form of Oz.
    std::erase_if(stems, [&](const Surface& surface) {
        const std::string& term = dictionary.entries[surface.term].term;
        return surface.casing == Casing::kLower && text::to_lower(term) != term;
    });
    std::vector<Surface> cut;
    for (const Surface& surface : stems) {
        const char32_t last = text::code_point_before(surface.text, surface.text.size());
        const std::size_t bytes = last < 0x80 ? 1 : 2;
        if (surface.text.size() <= bytes || (!is_vowel(last) && last != U's')) continue;
        Surface stem = surface;
        stem.text = surface.text.substr(0, surface.text.size() - bytes);
        const bool plural = last == U's' && std::string_view("siu").find(stem.text.back()) == std::string_view::npos;
        if ((plural || is_vowel(last)) && term_length(stem.text) >= kShortestStem) cut.push_back(std::move(stem));
    }
    stems.insert(stems.end(), cut.begin(), cut.end());
    return stems;
}

}  // namespace

UncoveredForms::UncoveredForms(const Dictionary& dictionary, const MatchRules& rules)
    : stems_(stems_of(dictionary, rules)) {}

void UncoveredForms::add(std::string_view document, const std::vector<TermMatch>& matches) {
    const text::AlignedText folded = text::fold(document, text::Markup::kDropped);
    const std::string_view line = folded.text();
    auto match = matches.begin();
    for (std::size_t at = 0; at < line.size();) {
        const std::size_t next = at + text::character_length(line[at]);
        if (!stems_.may_begin_with(line[at]) || !may_begin_word(line, at)) {
            at = next;
            continue;
        }
        const std::uint32_t place = folded.span(at).begin;
        while (match != matches.end() && match->end <= place) ++match;
        if (match != matches.end() && match->begin <= place) {
            at = next;
            continue;
        }
        std::size_t stem_end = at;
        std::uint32_t term = 0;
        stems_.prefixes_at(line, at, [&](std::size_t end, const Surface& surface) {
            stem_end = end;
            term = surface.term;
        });
        std::size_t end = stem_end, letters = 0;
        for (; end < line.size() && is_letter(text::code_point_at(line, end)); ++letters) {
            if (text::writes_without_blanks(text::code_point_at(line, end))) letters = kLongestEnding + 1;
            end += text::character_length(line[end]);
        }
        if (stem_end == at || letters > kLongestEnding) {
            at = next;
            continue;
        }
        ++counts_[term][std::string(line.substr(at, end - at))];
        at = end;
    }
}

}  // namespace nepenthe::unlearn
