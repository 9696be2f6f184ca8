#pragma once
// What runs of `edit` reached, as a page: success by method, layers, numbers of edits, update norms, failures, answers.

#include "edit/ledger.h"

#include <string>
#include <vector>

namespace nepenthe::pipelines {

// An HTML page that stands alone. One run: its figures. Several: also how they compare, over the number of facts where
// they agree in all but that and the method, and over layers likewise. A part for which there is
// nothing to show is left out; runs that were not measured have no part in comparisons.
std::string edit_report(const std::vector<edit::Ledger>& ledgers);

}  // namespace nepenthe::pipelines
