#pragma once
// Everyday language that no fact is about: what a side memory must stay away from, whatever its pool of facts looks
// like.

#include <string>
#include <vector>

namespace nepenthe::edit {

// Statements, questions, instructions, narration, lists and code, in a fixed order; English.
std::vector<std::string> everyday_texts();

}  // namespace nepenthe::edit
