#pragma once
// What gets one key and one value: a fact, or all facts of one subject. specs: editing.md §4 (facts that share a
// subject).

#include "edit/edit_options.h"
#include "edit/facts/facts.h"

#include <string>
#include <vector>

namespace nepenthe::edit {

struct EditUnit {
    std::vector<std::size_t> facts;       // indices, the first one leads: its bare prompt stands for the unit
    std::vector<std::size_t> duplicates;  // facts that say the same as one of these and take no part
};

// Facts as units in the order of their first fact. One at a time every fact is a unit of its own. Otherwise duplicates
// are folded into the fact that they repeat, facts that contradict each other are refused (sequential runs warn: the
// last one stays), and shared subjects are refused, merged or kept as asked. What is done is added to `warnings`;
// refusals are one Error(kData) that lists every group.
std::vector<EditUnit> make_units(const std::vector<Fact>& facts, const EditOptions& options,
                                 std::vector<std::string>& warnings);

}  // namespace nepenthe::edit
