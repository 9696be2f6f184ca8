#pragma once
// What an edit writes in place of an answer that is to be forgotten. specs: editing.md §14.1.

#include "edit/facts/facts.h"

namespace nepenthe::edit {

// Sets target_new of fact number `index`. Throws Error(kData) where the record has no perturbed answer.
void set_unlearning_target(Fact& fact, std::size_t index, const FactOptions& options);

}  // namespace nepenthe::edit
