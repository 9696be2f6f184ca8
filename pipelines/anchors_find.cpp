#include "pipelines/anchors_find.h"

#include "dist/guard.h"
#include "io/file.h"

#include <fmt/format.h>

#include <algorithm>

namespace nepenthe::pipelines {

namespace {

Json counts_of(const unlearn::ReviewedTerms& terms) {
    Json counts = Json::object();
    for (const auto& [decision, name] : unlearn::kDecisions) counts[std::string(name)] = terms.count(decision);
    return counts;
}

std::string summary(const unlearn::ReviewedTerms& terms, const FindFiles& files, const std::filesystem::path& table,
                    std::size_t most_terms) {
    std::string out = fmt::format("{} terms", terms.terms.size());
    for (const auto& [decision, name] : unlearn::kDecisions) {
        if (terms.count(decision) > 0) out += fmt::format(", {} {}", terms.count(decision), name);
    }
    out += fmt::format("\n\n  {:<32}{:>8}{:>8}  {:<12}{}\n", "term", "hits", "lower", "kind", "written");
    for (std::size_t i = 0; i < std::min(most_terms, terms.terms.size()); ++i) {
        const unlearn::ReviewedTerm& term = terms.terms[i];
        out += fmt::format("  {:<32}{:>8}{:>8}  {:<12}{}\n", term.term, term.count, term.lower_case, term.kind,
                           unlearn::listed(term.forms, 3));
    }
    if (most_terms < terms.terms.size()) out += "  …\n";
    out += fmt::format("\n{}: to review (\"decision\": accepted, dropped or pinned; \"replacements\")\n{}: to read\n",
                       files.out.string(), table.string());
    return out;
}

}  // namespace

Answer find_anchors(const dist::Comm& comm, const FindFiles& files, const std::vector<std::string>& documents,
                    std::size_t most_terms) {
    unlearn::ReviewedTerms earlier;
    dist::run_agreed(comm, "review", [&] {
        if (std::filesystem::exists(files.out)) earlier = unlearn::read_reviewed_terms(files.out);
    });
    const unlearn::ReviewedTerms terms = unlearn::find_terms(comm, documents, files.request, earlier);
    if (terms.terms.empty()) {
        fail(ErrorKind::kData,
             "no name or word of this corpus stands out from ordinary English; --least lowers how often a term must "
             "occur, "
             "--pin names terms yourself");
    }
    const std::filesystem::path table = std::filesystem::path(files.out).replace_extension(".md");
    dist::run_agreed(comm, "anchors", [&] {
        if (!comm.is_root()) return;
        io::write_file_atomically(files.out, terms.to_text());
        io::write_file_atomically(table, terms.to_table());
    });
    Answer answer;
    answer.json = {{"file", files.out.string()},
                   {"table", table.string()},
                   {"found_by", terms.found_by},
                   {"decisions", counts_of(terms)}};
    answer.text = summary(terms, files, table, most_terms);
    return answer;
}

}  // namespace nepenthe::pipelines
