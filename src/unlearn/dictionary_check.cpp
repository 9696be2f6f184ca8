#include "unlearn/dictionary_check.h"

#include "io/text.h"
#include "text/letters.h"
#include "unlearn/published_translation.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <utility>

namespace nepenthe::unlearn {

namespace {

constexpr std::array<std::pair<Finding, std::string_view>, 10> kNames{{
    {Finding::kPossessive, "possessive of a term"},
    {Finding::kWordsAreTerms, "all words are terms"},
    {Finding::kUnreachable, "unreachable (published rules)"},
    {Finding::kOrdinaryWord, "ordinary lower-case word"},
    {Finding::kCaseTwin, "case twin"},
    {Finding::kIdentity, "identity translation"},
    {Finding::kSingleLetter, "single letter"},
    {Finding::kTooShort, "too short, left alone"},
    {Finding::kArticleFirst, "replacement begins with an article"},
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
    const std::size_t characters = io::count_code_points(entry.term);
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

void count_hits(const Dictionary& dictionary, const std::vector<std::string>& documents, const MatchRules& rules,
                DictionaryReport& report) {
    const TermMatcher matcher(dictionary, rules);
    for (const std::string& document : documents) {
        for (const TermMatch& match : matcher.find_all(document)) {
            ++report.terms[match.term].hits;
            report.terms[match.term].other_casing += match.casing != Casing::kAsGiven;
        }
    }
    for (TermReport& term : report.terms) {
        if (term.hits == 0) term.notes.push_back({Finding::kNoHit, ""});
    }
}

}  // namespace

std::string_view finding_name(Finding finding) {
    for (const auto& [known, name] : kNames) {
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
    for (const auto& [finding, name] : kNames) findings[std::string(name)] = count(finding);
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
        }
        rows.push_back(std::move(row));
    }
    Json out = {
        {"terms", rows.size()}, {"terms_after_pruning", terms_after_pruning}, {"findings", findings}, {"rows", rows}};
    if (with_corpus) out["hits"] = total_hits();
    return out;
}

std::string DictionaryReport::to_text(std::size_t most_terms) const {
    std::string out = fmt::format("{} terms, {} after pruning", terms.size(), terms_after_pruning);
    if (with_corpus) out += fmt::format(", {} hits in the corpus", total_hits());
    out += "\n\n";
    for (const auto& [finding, name] : kNames) {
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
    out += fmt::format("\n  {:<32}{:>8}  {}\n", "most frequent", "hits", "of these in another casing");
    for (std::size_t i = 0; i < std::min<std::size_t>(10, by_hits.size()) && by_hits[i]->hits > 0; ++i) {
        out += fmt::format("  {:<32}{:>8}  {}\n", by_hits[i]->term, by_hits[i]->hits, by_hits[i]->other_casing);
    }
    return out;
}

}  // namespace nepenthe::unlearn
