#pragma once
// A record of each published form as a Fact. specs: editing.md §13, §14.

#include "edit/facts/facts.h"

namespace nepenthe::edit {

// Which form a record has, by its fields; kJsonLines where none of the published ones fits.
FactFormat recognise_format(const Json& record);

// The record as a fact, without its id where it has none. Throws Error(kData) that names everything that is wrong with
// it. TOFU questions get a proposed subject here (find_authors looks for a better one).
Fact convert_record(const Json& record, FactFormat format, const FactOptions& options);

// TOFU asks twenty questions in a row about each author: where a group has a commonest name, that name becomes the
// subject of the questions that hold it (or its last word).
void find_authors(std::vector<Fact>& facts);

// Makes `subject` of the sentence the fact's subject: its first occurrence, between word boundaries if there is one,
// becomes
// "{}". False where the sentence does not hold it.
bool set_subject(Fact& fact, const std::string& sentence, const std::string& subject);

}  // namespace nepenthe::edit
