#pragma once
// `anchors find`: terms that give a corpus away, proposed by counting, and what an earlier review said of them.

#include "base/error.h"
#include "dist/comm.h"
#include "unlearn/anchors/reviewed_terms.h"
#include "unlearn/finding/propose.h"

#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace nepenthe::unlearn {

struct FindRequest {
    ProposalRules rules;
    // Decisions about terms by name, whether they are found or not, over those of an earlier review.
    std::vector<std::string> accept, drop, pin;
    bool accept_rest = false;  // accept what would otherwise be proposed
    // Entities of a passage as "LABEL<tab>text" (entities.h), and who recognises them; none where it is empty.
    std::function<TextCounts(std::string_view passage)> entities;
    std::string entities_by;

    // Problems: a term that is blank or padded, or decided about twice.
    void check(Problems& problems) const;
};

// Collective. The terms of `documents` (valid UTF-8, the same on every rank), by score, dropped ones last. `earlier`
// terms keep their decisions, replacements and notes; those that were only proposed and are not found again go. The
// work is dealt by passages of fixed size and the result is the same on any number of ranks. Throws Error(kData) where
// the documents have no words.
ReviewedTerms find_terms(const dist::Comm& comm, const std::vector<std::string>& documents, const FindRequest& request,
                         const ReviewedTerms& earlier);

}  // namespace nepenthe::unlearn
