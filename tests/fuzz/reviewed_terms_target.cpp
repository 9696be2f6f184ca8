#include "fuzz/target.h"
#include "unlearn/anchors/dictionary.h"
#include "unlearn/anchors/reviewed_terms.h"

using namespace nepenthe;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text = fuzz::as_text(data, size);
    unlearn::ReviewedTerms terms;
    if (!fuzz::accepted([&] { terms = unlearn::parse_reviewed_terms(text, "input"); })) return 0;
    for (const unlearn::ReviewedTerm& term : terms.terms) {
        fuzz::require(!unlearn::blank_or_padded(term.term), "a term has a name");
        fuzz::require(term.count >= 0 && term.lower_case >= 0, "counts are no less than nothing");
    }
    const std::string written = terms.to_text();
    fuzz::require(unlearn::parse_reviewed_terms(written, "its text").to_text() == written, "its text says the same");
    static_cast<void>(terms.to_table());
    unlearn::Dictionary dictionary;
    if (fuzz::accepted([&] { dictionary = unlearn::parse_dictionary(text, "input", unlearn::Unfinished::kKept); }))
        fuzz::require(!dictionary.entries.empty(), "a dictionary has terms");
    return 0;
}
