#pragma once
// ROUGE-L: how much of a text's word order another one keeps (C.-Y. Lin, "ROUGE", 2004).

#include <string>
#include <string_view>
#include <vector>

namespace nepenthe::evaluate {

// Lower-case runs of a–z and 0–9, words of more than three letters as their stems.
std::vector<std::string> rouge_tokens(std::string_view text);

// Longest common subsequence of tokens over those of `reference`; 0 where that has none.
double rouge_l_recall(std::string_view reference, std::string_view text);

}  // namespace nepenthe::evaluate
