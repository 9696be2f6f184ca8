#pragma once
// What of MUSE is arithmetic on texts and numbers (arXiv 2407.06460 and its code, swj0419/muse_bench).

#include "evaluate/muse_files.h"

#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace nepenthe::evaluate {

// "Question: q\nAnswer: a\n\n" of every pair, then "Question: q\nAnswer: ", blank and all.
std::string muse_prompt(std::span<const MuseQuestion> before, std::string_view question);

// An answer up to the first blank line, "\nQuestion" or "Question:".
std::string_view cut_muse_answer(std::string_view text);

// A of MUSE's published retrained models, P(Min-40 % score of the forget set > of the holdout): "news", "books"; or a
// number between 0 and 1. Nothing for another word.
std::optional<double> parse_muse_retrained(std::string_view word);

}  // namespace nepenthe::evaluate
