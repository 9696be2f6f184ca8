#pragma once
// The file of `anchors find`: terms proposed from a corpus, what was decided about each, and the replacements of those
// that were accepted. It is a dictionary (dictionary.h reads it as one) that remembers what is not in it.

#include "base/json.h"
#include "unlearn/anchors/written_form.h"

#include <array>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace nepenthe::unlearn {

enum class Decision : std::uint8_t {
    kProposed,  // nobody has decided: no part of the dictionary, goes when it is no longer found
    kAccepted,
    kDropped,  // is not proposed again
    kPinned,   // accepted, by somebody who asked for it whether it is found or not
};
inline constexpr std::array<std::pair<Decision, std::string_view>, 4> kDecisions{{
    {Decision::kProposed, "proposed"},
    {Decision::kAccepted, "accepted"},
    {Decision::kDropped, "dropped"},
    {Decision::kPinned, "pinned"},
}};
std::string_view decision_name(Decision decision);

inline constexpr std::array<std::string_view, 5> kTermKinds{"person", "place", "thing", "title", "coined word"};

struct ReviewedTerm {
    std::string term;
    Decision decision = Decision::kProposed;
    std::string kind;  // of kTermKinds; "" where nothing was found out
    std::vector<std::string> replacements;
    std::int64_t count = 0;       // occurrences in the corpus, however they are written (TermMatcher)
    std::int64_t lower_case = 0;  // of these in lower case, where the term has a capital: perhaps the ordinary word
    double score = 0;             // log-likelihood ratio against ordinary English
    std::vector<WrittenForm> forms;
    std::vector<std::string> examples;  // passages with the term, white space as single blanks
    std::string note;                   // people's own

    bool in_dictionary() const { return decision == Decision::kAccepted || decision == Decision::kPinned; }
};

struct ReviewedTerms {
    Json found_by = Json::object();  // what was read, and how: corpus, options, version
    std::vector<ReviewedTerm> terms;

    const ReviewedTerm* find(std::string_view term) const;
    std::int64_t count(Decision decision) const;
    // JSON, one term a line: {"format": "nepenthe anchors", "format_version": 1, "found_by": …, "terms": [{…}, …]}.
    std::string to_text() const;
    // The same as a table in Markdown, to read.
    std::string to_table() const;
};

// A JSON object that says it has this format, rather than being a dictionary.
bool is_reviewed_terms(const Json& json);

// Of a term only "term" and "decision" must be there. Throws Error(kData) that names `what` and lists every problem:
// no JSON of this format and version, a term that is empty, has white space around it or comes twice, an unknown
// decision, kind or field, a value of another type.
ReviewedTerms parse_reviewed_terms(std::string_view text, std::string_view what);
ReviewedTerms read_reviewed_terms(const std::filesystem::path& path);

}  // namespace nepenthe::unlearn
