#include "unlearn/anchors/dictionary.h"

#include "base/error.h"
#include "base/hash.h"
#include "base/json.h"
#include "io/file.h"
#include "text/joined_text.h"
#include "text/letters.h"
#include "text/unicode.h"
#include "unlearn/anchors/reviewed_terms.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <span>
#include <sstream>

namespace nepenthe::unlearn {

namespace {

constexpr std::size_t kMaxBytes = 64u << 20, kMaxDepth = 5;
constexpr std::string_view kSpace = " \t\r\n";

// Names of the outer object in the order of the file; the parsed value itself is sorted.
std::vector<std::string> names_in_file_order(std::string_view text) {
    std::vector<std::string> names;
    const auto note = [&](int depth, Json::parse_event_t event, Json& parsed) {
        if (event == Json::parse_event_t::key && depth == 1) names.push_back(parsed.get<std::string>());
        return true;
    };
    [[maybe_unused]] const Json all = Json::parse(text.begin(), text.end(), note);
    return names;
}

void add_replacement(DictionaryEntry& entry, const std::string& replacement, std::string_view what,
                     Problems& problems) {
    if (text::without_end_blanks(replacement).find_first_not_of(kSpace) == std::string::npos) {
        problems.add("{}: term \"{}\" has an empty replacement", what, entry.term);
        return;
    }
    auto& known = entry.replacements;
    if (std::find(known.begin(), known.end(), replacement) == known.end()) known.push_back(replacement);
}

DictionaryEntry parse_entry(const std::string& term, const Json& value, std::string_view what, Problems& problems) {
    DictionaryEntry entry{term, {}};
    if (blank_or_padded(term)) {
        problems.add("{}: term \"{}\" is empty or has white space around it", what, term);
    }
    if (value.is_array()) {
        for (const Json& item : value) {
            if (item.is_string()) {
                add_replacement(entry, item.get<std::string>(), what, problems);
            } else {
                problems.add("{}: term \"{}\" has a replacement that is not a string: {}", what, term, item.dump());
            }
        }
    } else if (value.is_object()) {
        for (const auto& [replacement, count] : value.items()) {
            if (!count.is_number()) {
                problems.add("{}: term \"{}\", replacement \"{}\": a count is expected, not {}", what, term,
                             replacement, count.dump());
            }
            add_replacement(entry, replacement, what, problems);
        }
    } else {
        problems.add("{}: term \"{}\" must have a list of replacements, not {}", what, term, value.type_name());
        return entry;
    }
    if (value.empty()) problems.add("{}: term \"{}\" has an empty list of replacements", what, term);
    return entry;
}

Dictionary accepted_terms(const ReviewedTerms& reviewed, std::string_view what, Unfinished unfinished) {
    Dictionary dictionary;
    std::vector<std::string> missing;
    for (const ReviewedTerm& term : reviewed.terms) {
        if (!term.in_dictionary()) continue;
        dictionary.entries.push_back({term.term, term.replacements});
        if (term.replacements.empty()) missing.push_back(term.term);
    }
    if (dictionary.entries.empty()) {
        fail(ErrorKind::kData, "{}: none of its {} terms is accepted or pinned; set their \"decision\"", what,
             reviewed.terms.size());
    }
    if (!missing.empty() && unfinished == Unfinished::kRefused) {
        constexpr std::size_t kNamed = 8;
        const std::span named(missing.data(), std::min(kNamed, missing.size()));
        fail(ErrorKind::kData, "{}: {} of {} accepted terms have no replacement yet: {}{}; fill in \"replacements\"",
             what, missing.size(), dictionary.entries.size(), fmt::join(named, ", "),
             named.size() < missing.size() ? " …" : "");
    }
    std::stable_sort(dictionary.entries.begin(), dictionary.entries.end(),
                     [](const auto& a, const auto& b) { return a.term.size() > b.term.size(); });
    return dictionary;
}

}  // namespace

bool blank_or_padded(std::string_view text) {
    return text.empty() || text::is_white_space(text::code_point_at(text, 0)) ||
           text::is_white_space(text::code_point_before(text, text.size()));
}

Dictionary parse_dictionary(std::string_view text, std::string_view what, Unfinished unfinished) {
    const Json json = parse_json(text, what, {.max_bytes = kMaxBytes, .max_depth = kMaxDepth});
    if (is_reviewed_terms(json)) return accepted_terms(parse_reviewed_terms(text, what), what, unfinished);
    if (!json.is_object()) {
        fail(ErrorKind::kData, "{}: a dictionary is a JSON object {{\"term\": [\"replacement\", …]}}, this is {}", what,
             json.type_name());
    }
    if (json.empty()) fail(ErrorKind::kData, "{}: the dictionary has no terms", what);
    Dictionary dictionary;
    Problems problems;
    for (const std::string& term : names_in_file_order(text)) {
        dictionary.entries.push_back(parse_entry(term, json.at(term), what, problems));
    }
    problems.throw_if_any(ErrorKind::kData, "this dictionary cannot be used");
    return dictionary;
}

Dictionary read_dictionary(const std::filesystem::path& path, Unfinished unfinished) {
    return parse_dictionary(io::read_file(path, kMaxBytes), path.string(), unfinished);
}

std::string Dictionary::digest() const {
    Json rows = Json::array();
    for (const DictionaryEntry& entry : entries) rows.push_back(Json::array({entry.term, entry.replacements}));
    return sha256_hex(canonical_json(rows));
}

std::string Dictionary::to_text() const {
    std::string out = "{\n";
    for (std::size_t i = 0; i < entries.size(); ++i) {
        out += "  " + Json(entries[i].term).dump() + ": " + Json(entries[i].replacements).dump();
        out += i + 1 < entries.size() ? ",\n" : "\n";
    }
    return out + "}\n";
}

PruneRules::PruneRules(const Dictionary& dictionary) {
    for (const DictionaryEntry& entry : dictionary.entries) sorted_.push_back(entry.term);
    std::sort(sorted_.begin(), sorted_.end());
}

bool PruneRules::is_term(std::string_view word) const {
    return std::binary_search(sorted_.begin(), sorted_.end(), word);
}

bool PruneRules::possessive_of_a_term(std::string_view term) const {
    for (const std::string_view ending : {std::string_view("'s"), std::string_view("\u2019s")}) {
        if (term.ends_with(ending) && is_term(term.substr(0, term.size() - ending.size()))) return true;
    }
    return false;
}

bool PruneRules::all_words_are_terms(std::string_view term) const {
    std::istringstream words{std::string(term)};
    std::size_t count = 0;
    for (std::string word; words >> word; ++count) {
        if (!is_term(word)) return false;
    }
    return count > 1;
}

Dictionary prune(const Dictionary& dictionary, std::vector<std::string>* dropped) {
    const PruneRules rules(dictionary);
    Dictionary kept;
    for (const DictionaryEntry& entry : dictionary.entries) {
        if (rules.possessive_of_a_term(entry.term) || rules.all_words_are_terms(entry.term)) {
            if (dropped) dropped->push_back(entry.term);
        } else {
            kept.entries.push_back(entry);
        }
    }
    return kept;
}

}  // namespace nepenthe::unlearn
