#include "unlearn/anchors/reviewed_terms.h"

#include "base/error.h"
#include "io/file.h"
#include "text/joined_text.h"
#include "unlearn/anchors/dictionary.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <set>

namespace nepenthe::unlearn {

namespace {

constexpr std::string_view kFormat = "nepenthe anchors";
constexpr int kVersion = 1;
constexpr std::size_t kMaxReviewBytes = 64u << 20, kMaxReviewDepth = 5;
const std::vector<std::string> kFields{"term",       "decision", "kind",  "replacements", "count",
                                       "lower_case", "score",    "forms", "examples",     "note"};

// Reads the fields of one term; problems name it.
class TermReader {
  public:
    TermReader(const Json& json, std::size_t number, std::string_view what, Problems& problems)
        : json_(json), name_(fmt::format("{}: term {}", what, number)), problems_(problems) {}

    ReviewedTerm read() {
        ReviewedTerm term;
        if (!json_.is_object()) {
            problems_.add("{}: an object is expected, not {}", name_, json_.type_name());
            return term;
        }
        read_text("term", term.term);
        if (blank_or_padded(term.term)) {
            problems_.add("{}: \"term\" is missing, empty or has white space around it", name_);
        } else {
            name_ = fmt::format("{} (\"{}\")", name_, term.term);
        }
        for (const auto& [field, value] : json_.items()) {
            if (std::find(kFields.begin(), kFields.end(), field) != kFields.end()) continue;
            const std::string near = nearest_name(field, kFields);
            if (near.empty()) {
                problems_.add("{}: there is no field \"{}\"; remarks go into \"note\"", name_, field);
            } else {
                problems_.add("{}: there is no field \"{}\"; did you mean \"{}\"?", name_, field, near);
            }
        }
        read_decision(term.decision);
        read_text("kind", term.kind);
        if (!term.kind.empty() && std::find(kTermKinds.begin(), kTermKinds.end(), term.kind) == kTermKinds.end())
            problems_.add("{}: \"{}\" is no kind: {}", name_, term.kind, fmt::join(kTermKinds, ", "));
        read_texts("replacements", term.replacements);
        for (const std::string& replacement : term.replacements) {
            if (text::without_end_blanks(replacement).find_first_not_of(" \t\r\n") == std::string::npos)
                problems_.add("{}: a replacement is empty", name_);
        }
        read_count("count", term.count);
        read_count("lower_case", term.lower_case);
        if (const Json* score = field("score")) {
            if (score->is_number()) {
                term.score = score->get<double>();
            } else {
                wrong("score", "a number", *score);
            }
        }
        read_forms(term.forms);
        read_texts("examples", term.examples);
        read_text("note", term.note);
        return term;
    }

  private:
    const Json* field(const char* name) const {
        const auto found = json_.find(name);
        return found == json_.end() ? nullptr : &*found;
    }
    void wrong(const char* name, const char* expected, const Json& value) {
        problems_.add("{}: \"{}\" must be {}, not {}", name_, name, expected, value.type_name());
    }
    void read_text(const char* name, std::string& out) {
        const Json* value = field(name);
        if (value && value->is_string()) out = value->get<std::string>();
        if (value && !value->is_string()) wrong(name, "a text", *value);
    }
    void read_count(const char* name, std::int64_t& out) {
        const Json* value = field(name);
        if (!value) return;
        if (value->is_number_integer() && value->get<std::int64_t>() >= 0) {
            out = value->get<std::int64_t>();
        } else {
            wrong(name, "a whole number from 0", *value);
        }
    }
    void read_texts(const char* name, std::vector<std::string>& out) {
        const Json* value = field(name);
        if (!value) return;
        if (!value->is_array()) return wrong(name, "a list of texts", *value);
        for (const Json& item : *value) {
            if (!item.is_string()) return wrong(name, "a list of texts", item);
            if (std::find(out.begin(), out.end(), item.get<std::string>()) == out.end())
                out.push_back(item.get<std::string>());
        }
    }
    void read_decision(Decision& out) {
        std::string word;
        read_text("decision", word);
        for (const auto& [decision, name] : kDecisions) {
            if (name == word) {
                out = decision;
                return;
            }
        }
        problems_.add("{}: \"decision\" must be proposed, accepted, dropped or pinned, not \"{}\"", name_, word);
    }
    void read_forms(std::vector<WrittenForm>& out) {
        const Json* value = field("forms");
        if (!value) return;
        if (!value->is_array()) return wrong("forms", "a list of {\"text\", \"count\"}", *value);
        for (const Json& form : *value) {
            const bool right = form.is_object() && form.size() == 2 && form.contains("text") &&
                               form["text"].is_string() && form.contains("count") && form["count"].is_number_integer();
            if (!right) return wrong("forms", "a list of {\"text\", \"count\"}", form);
            out.push_back({form["text"].get<std::string>(), form["count"].get<std::int64_t>()});
        }
    }

    const Json& json_;
    std::string name_;
    Problems& problems_;
};

// A bar would end the cell.
std::string table_cell(std::string_view text) {
    std::string cell;
    for (const char c : text) {
        if (c == '|') cell += '\\';
        cell += c;
    }
    return cell;
}

}  // namespace

std::string_view decision_name(Decision decision) { return kDecisions[static_cast<std::size_t>(decision)].second; }

const ReviewedTerm* ReviewedTerms::find(std::string_view term) const {
    const auto found = std::find_if(terms.begin(), terms.end(), [&](const auto& known) { return known.term == term; });
    return found == terms.end() ? nullptr : &*found;
}

std::int64_t ReviewedTerms::count(Decision decision) const {
    return std::count_if(terms.begin(), terms.end(), [&](const auto& term) { return term.decision == decision; });
}

std::string ReviewedTerms::to_text() const {
    // By hand, because people edit it: one term a line, the decision in front.
    std::string out = fmt::format("{{\n\"format\": {}, \"format_version\": {},\n\"found_by\": {},\n\"terms\": [\n",
                                  Json(kFormat).dump(), kVersion, found_by.dump());
    for (std::size_t i = 0; i < terms.size(); ++i) {
        const ReviewedTerm& term = terms[i];
        out += fmt::format(
            "{{\"decision\": \"{}\", \"term\": {}, \"replacements\": {}, \"kind\": {}, \"count\": {}, "
            "\"lower_case\": {}, \"score\": {}, \"forms\": {}, \"examples\": {}",
            decision_name(term.decision), Json(term.term).dump(), Json(term.replacements).dump(),
            Json(term.kind).dump(), term.count, term.lower_case, Json(term.score).dump(), forms_json(term.forms).dump(),
            Json(term.examples).dump());
        if (!term.note.empty()) out += ", \"note\": " + Json(term.note).dump();
        out += i + 1 < terms.size() ? "},\n" : "}\n";
    }
    return out + "]\n}\n";
}

std::string ReviewedTerms::to_table() const {
    std::string out = "| decision | term | kind | count | lower case | score | written | example |\n";
    out += "|---|---|---|---:|---:|---:|---|---|\n";
    for (const ReviewedTerm& term : terms) {
        out += fmt::format("| {} | {} | {} | {} | {} | {:.0f} | {} | {} |\n", decision_name(term.decision),
                           table_cell(term.term), term.kind, term.count, term.lower_case, term.score,
                           table_cell(listed(term.forms, 4)),
                           term.examples.empty() ? std::string() : table_cell(term.examples.front()));
    }
    return out;
}

bool is_reviewed_terms(const Json& json) {
    return json.is_object() && json.contains("format") && json["format"].is_string();
}

ReviewedTerms parse_reviewed_terms(std::string_view text, std::string_view what) {
    const Json json = parse_json(text, what, {.max_bytes = kMaxReviewBytes, .max_depth = kMaxReviewDepth});
    if (!is_reviewed_terms(json) || json["format"] != kFormat)
        fail(ErrorKind::kData, "{}: not a file of `anchors find` (\"format\": \"{}\")", what, kFormat);
    if (!json.contains("format_version") || json["format_version"] != kVersion) {
        fail(ErrorKind::kData, "{}: format_version {} is expected, this is {}", what, kVersion,
             json.contains("format_version") ? json["format_version"].dump() : "none");
    }
    if (!json.contains("terms") || !json["terms"].is_array())
        fail(ErrorKind::kData, "{}: \"terms\" must be a list", what);
    ReviewedTerms out;
    if (json.contains("found_by")) out.found_by = json["found_by"];
    Problems problems;
    std::set<std::string> known;
    for (const Json& row : json["terms"]) {
        out.terms.push_back(TermReader(row, out.terms.size() + 1, what, problems).read());
        if (const std::string& term = out.terms.back().term; !term.empty() && !known.insert(term).second)
            problems.add("{}: term {} (\"{}\") comes twice", what, out.terms.size(), term);
    }
    problems.throw_if_any(ErrorKind::kData, "these reviewed terms cannot be used");
    return out;
}

ReviewedTerms read_reviewed_terms(const std::filesystem::path& path) {
    return parse_reviewed_terms(io::read_file(path, kMaxReviewBytes), path.string());
}

}  // namespace nepenthe::unlearn
