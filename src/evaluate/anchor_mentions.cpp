#include "evaluate/anchor_mentions.h"

#include "base/hash.h"
#include "text/folded_text.h"
#include "text/letters.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace nepenthe::evaluate {

AnchorMentions::AnchorMentions(unlearn::Dictionary dictionary)
    : dictionary_(std::move(dictionary)), matcher_(dictionary_, {.casings = true, .min_characters = 1}) {}

std::vector<std::string> AnchorMentions::new_terms(std::string_view prompt, std::string_view completion) const {
    const std::string known = text::to_lower(text::fold(prompt, text::Markup::kDropped).text());
    std::vector<std::string> terms;
    for (const unlearn::TermMatch& match : matcher_.find_all(completion)) {
        const std::string& term = dictionary_.entries[match.term].term;
        if (match.casing == unlearn::Casing::kLower) continue;  // "Oz" is a place, "oz" is an ounce
        if (known.find(text::to_lower(unlearn::folded_term(term))) != std::string::npos) continue;
        if (std::find(terms.begin(), terms.end(), term) == terms.end()) terms.push_back(term);
    }
    return terms;
}

std::string AnchorMentions::digest() const {
    return sha256_hex(fmt::format("{} {}", dictionary_.digest(), unlearn::kMatchVersion));
}

}  // namespace nepenthe::evaluate
