#include "unlearn/anchors/dictionary_check.h"

#include "text/folded_text.h"
#include "text/letters.h"
#include "unlearn/anchors/published_translation.h"
#include "unlearn/anchors/uncovered_forms.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <utility>

namespace nepenthe::unlearn {

namespace {

constexpr std::array<std::pair<Finding, std::string_view>, 13> kFindingNames{{
    {Finding::kNoReplacement, "no replacement yet"},
    {Finding::kPossessive, "possessive of a term"},
    {Finding::kWordsAreTerms, "all words are terms"},
    {Finding::kUnreachable, "unreachable (published rules)"},
    {Finding::kOrdinaryWord, "ordinary lower-case word"},
    {Finding::kCaseTwin, "case twin"},
    {Finding::kTypographyTwin, "typography twin, never reached"},
    {Finding::kIdentity, "identity translation"},
    {Finding::kSingleLetter, "single letter"},
    {Finding::kTooShort, "too short, left alone"},
    {Finding::kArticleFirst, "replacement begins with an article"},
    {Finding::kUncovered, "inflections without a rule"},
    {Finding::kNoHit, "no hit in the corpus"},
}};

bool is_ordinary_word(std::string_view term) {
    for (std::size_t at = 0; at < term.size(); ++at) {
        if ((static_cast<unsigned char>(term[at]) & 0xC0) == 0x80) continue;
        const char32_t letter = text::code_point_at(term, at);
        if (!text::is_word_character(letter) || letter == U'_' || (letter >= U'0' && letter <= U'9')) return false;
    }
    return text::to_lower(term) == term && text::to_upper(term) != term;
}

bool begins_with_article(std::string_view replacement) {
    const std::string lower = text::to_lower(replacement);
    return lower.starts_with("the ") || lower.starts_with("a ") || lower.starts_with("an ");
}

// The same relation as unreachable_terms on plain text: an earlier term is the beginning of a later one.
std::vector<std::pair<std::size_t, std::size_t>> unreachable_by_text(const Dictionary& dictionary) {
    std::map<std::string_view, std::size_t> earlier;
    std::vector<std::pair<std::size_t, std::size_t>> unreachable;
    for (std::size_t i = 0; i < dictionary.entries.size(); ++i) {
        const std::string_view term = dictionary.entries[i].term;
        for (std::size_t space = term.find(' '); space != std::string_view::npos; space = term.find(' ', space + 1)) {
            if (const auto found = earlier.find(term.substr(0, space)); found != earlier.end()) {
                unreachable.emplace_back(i, found->second);
                break;
            }
        }
        earlier.emplace(term, i);
    }
    return unreachable;
}

void note_term(const DictionaryEntry& entry, const PruneRules& prune_rules, const MatchRules& rules,
               TermReport& report) {
    const auto note = [&](bool applies, Finding finding, std::string detail = "") {
        if (applies) report.notes.push_back({finding, std::move(detail)});
    };
    const std::size_t characters = term_length(entry.term);
    note(entry.replacements.empty(), Finding::kNoReplacement);
    note(prune_rules.possessive_of_a_term(entry.term), Finding::kPossessive);
    note(prune_rules.all_words_are_terms(entry.term), Finding::kWordsAreTerms);
    note(is_ordinary_word(entry.term), Finding::kOrdinaryWord);
    note(characters == 1, Finding::kSingleLetter);
    note(characters < rules.min_characters, Finding::kTooShort,
         fmt::format("fewer than {} characters", rules.min_characters));
    for (const std::string& replacement : entry.replacements) {
        note(replacement == entry.term, Finding::kIdentity);
        note(begins_with_article(replacement), Finding::kArticleFirst, replacement);
    }
}

void note_case_twins(const Dictionary& dictionary, DictionaryReport& report) {
    std::map<std::string, std::vector<std::size_t>> by_lower;
    for (std::size_t i = 0; i < dictionary.entries.size(); ++i) {
        by_lower[text::to_lower(dictionary.entries[i].term)].push_back(i);
    }
    for (const auto& [lower, group] : by_lower) {
        if (group.size() < 2) continue;
        for (const std::size_t i : group) {
            const std::size_t other = group[0] == i ? group[1] : group[0];
            report.terms[i].notes.push_back({Finding::kCaseTwin, dictionary.entries[other].term});
        }
    }
}

void note_typography_twins(const Dictionary& dictionary, DictionaryReport& report) {
    std::map<std::string, std::size_t> by_form;
    for (std::size_t i = 0; i < dictionary.entries.size(); ++i) {
        const auto [first, is_new] = by_form.emplace(folded_term(dictionary.entries[i].term), i);
        if (!is_new)
            report.terms[i].notes.push_back({Finding::kTypographyTwin, dictionary.entries[first->second].term});
    }
}

bool is_marked_up(std::string_view document, const TermMatch& match) {
    const auto is_mark = [](char c) { return c == '_' || c == '*'; };
    return match.begin > 0 && is_mark(document[match.begin - 1]) && match.end < document.size() &&
           is_mark(document[match.end]);
}

// Written with other characters than casing and inflection of the term as it is given explain.
bool in_other_typography(const std::string& term, const TermMatch& match, const std::string& written) {
    if (match.inflection == Inflection::kNone) {
        const bool whole_words = match.casing == Casing::kTitle;
        return apply_casing(whole_words ? text::to_lower(term) : term, match.casing) != written;
    }
    return text::fold(written, text::Markup::kKept).text() != written;
}

// Terms that the corpus writes otherwise than they are given, and how.
std::string forms_text(const std::vector<const TermReport*>& by_hits, std::size_t most_terms) {
    std::string out;
    std::size_t shown = 0;
    for (const TermReport* term : by_hits) {
        if (term->forms.empty() || (term->forms.size() == 1 && term->forms.front().text == term->term)) continue;
        if (out.empty()) out = fmt::format("\n  {:<32}{}\n", "written otherwise", "forms");
        if (shown++ == most_terms) return out + "  … (all of them with --json)\n";
        out += fmt::format("  {:<32}{}\n", term->term, listed(term->forms, 6));
    }
    return out;
}

void count_hits(const Dictionary& dictionary, const std::vector<std::string>& documents, const MatchRules& rules,
                DictionaryReport& report) {
    const TermMatcher matcher(dictionary, rules);
    UncoveredForms uncovered(dictionary, rules);
    std::vector<std::map<std::string, std::int64_t>> forms(dictionary.entries.size());
    for (const std::string& document : documents) {
        const std::vector<TermMatch> matches = matcher.find_all(document);
        for (const TermMatch& match : matches) {
            TermReport& term = report.terms[match.term];
            const std::string written =
                on_one_line(std::string_view(document).substr(match.begin, match.end - match.begin));
            ++term.hits;
            term.other_casing += match.casing != Casing::kAsGiven;
            term.other_typography += in_other_typography(term.term, match, written);
            term.marked_up += is_marked_up(document, match);
            term.inflected += match.inflection != Inflection::kNone;
            ++forms[match.term][written];
        }
        uncovered.add(document, matches);
    }
    for (std::size_t i = 0; i < report.terms.size(); ++i) {
        TermReport& term = report.terms[i];
        term.forms = by_count(forms[i]);
        if (const auto found = uncovered.counts().find(static_cast<std::uint32_t>(i));
            found != uncovered.counts().end()) {
            term.uncovered = by_count(found->second);
            term.notes.push_back({Finding::kUncovered, listed(term.uncovered, 3)});
        }
        if (term.hits == 0) term.notes.push_back({Finding::kNoHit, ""});
    }
}

}  // namespace

std::string_view finding_name(Finding finding) {
    for (const auto& [known, name] : kFindingNames) {
        if (known == finding) return name;
    }
    return "";
}

DictionaryReport check_dictionary(const Dictionary& dictionary, const text::Tokenizer* tokenizer,
                                  const std::vector<std::string>* documents, const MatchRules& rules) {
    DictionaryReport report;
    const PruneRules prune_rules(dictionary);
    for (const DictionaryEntry& entry : dictionary.entries) {
        TermReport& term = report.terms.emplace_back();
        term.term = entry.term;
        term.replacements = static_cast<std::int64_t>(entry.replacements.size());
        note_term(entry, prune_rules, rules, term);
    }
    const auto hidden = tokenizer ? unreachable_terms(dictionary, *tokenizer) : unreachable_by_text(dictionary);
    for (const auto& [term, earlier] : hidden) {
        report.terms[term].notes.push_back({Finding::kUnreachable, dictionary.entries[earlier].term});
    }
    note_case_twins(dictionary, report);
    note_typography_twins(dictionary, report);
    if (documents) {
        report.with_corpus = true;
        count_hits(dictionary, *documents, rules, report);
    }
    report.terms_after_pruning = static_cast<std::int64_t>(prune(dictionary).entries.size());
    return report;
}

std::int64_t DictionaryReport::count(Finding finding) const {
    return std::count_if(terms.begin(), terms.end(), [&](const TermReport& term) {
        return std::any_of(term.notes.begin(), term.notes.end(),
                           [&](const TermReport::Note& note) { return note.finding == finding; });
    });
}

std::int64_t DictionaryReport::total_hits() const {
    std::int64_t total = 0;
    for (const TermReport& term : terms) total += term.hits;
    return total;
}

Json DictionaryReport::to_json() const {
    Json findings = Json::object();
    for (const auto& [finding, name] : kFindingNames) findings[std::string(name)] = count(finding);
    Json rows = Json::array();
    for (const TermReport& term : terms) {
        Json notes = Json::array();
        for (const TermReport::Note& note : term.notes) {
            notes.push_back({{"finding", finding_name(note.finding)}, {"detail", note.detail}});
        }
        Json row = {{"term", term.term}, {"replacements", term.replacements}, {"notes", notes}};
        if (with_corpus) {
            row["hits"] = term.hits;
            row["hits_in_other_casing"] = term.other_casing;
            row["hits_in_other_typography"] = term.other_typography;
            row["hits_marked_up"] = term.marked_up;
            row["hits_inflected"] = term.inflected;
            row["forms"] = forms_json(term.forms);
            row["without_a_rule"] = forms_json(term.uncovered);
        }
        rows.push_back(std::move(row));
    }
    Json out = {
        {"terms", rows.size()}, {"terms_after_pruning", terms_after_pruning}, {"findings", findings}, {"rows", rows}};
    if (with_corpus) {
        out["hits"] = total_hits();
        std::int64_t without_a_rule = 0;
        for (const TermReport& term : terms) {
            for (const WrittenForm& form : term.uncovered) without_a_rule += form.count;
        }
        out["words_without_a_rule"] = without_a_rule;
    }
    return out;
}

std::string DictionaryReport::to_text(std::size_t most_terms) const {
    std::string out = fmt::format("{} terms, {} after pruning", terms.size(), terms_after_pruning);
    if (with_corpus) out += fmt::format(", {} hits in the corpus", total_hits());
    out += "\n\n";
    for (const auto& [finding, name] : kFindingNames) {
        if (count(finding) > 0) out += fmt::format("  {:<36}{:>6}\n", name, count(finding));
    }
    std::size_t shown = 0;
    out += fmt::format("\n  {:<32}{:>8}  {}\n", "term", "hits", "remarks");
    for (const TermReport& term : terms) {
        if (term.notes.empty()) continue;
        if (shown++ == most_terms) {
            out += "  … (all of them with --json)\n";
            break;
        }
        std::string remarks;
        for (const TermReport::Note& note : term.notes) {
            remarks += remarks.empty() ? "" : "; ";
            remarks += finding_name(note.finding);
            if (!note.detail.empty()) remarks += fmt::format(": {}", note.detail);
        }
        out += fmt::format("  {:<32}{:>8}  {}\n", term.term, with_corpus ? std::to_string(term.hits) : "-", remarks);
    }
    if (!with_corpus) return out;
    std::vector<const TermReport*> by_hits;
    for (const TermReport& term : terms) by_hits.push_back(&term);
    std::stable_sort(by_hits.begin(), by_hits.end(), [](auto* a, auto* b) { return a->hits > b->hits; });
    out += fmt::format("\n  {:<32}{:>8}{:>8}{:>12}{:>8}{:>11}\n", "most frequent", "hits", "casing", "typography",
                       "marked", "inflected");
    for (std::size_t i = 0; i < std::min<std::size_t>(10, by_hits.size()) && by_hits[i]->hits > 0; ++i) {
        const TermReport& term = *by_hits[i];
        out += fmt::format("  {:<32}{:>8}{:>8}{:>12}{:>8}{:>11}\n", term.term, term.hits, term.other_casing,
                           term.other_typography, term.marked_up, term.inflected);
    }
    out += forms_text(by_hits, most_terms);
    return out;
}

}  // namespace nepenthe::unlearn
