#pragma once
// ROUGE-L: how much of a text's word order another one keeps (C.-Y. Lin, "ROUGE", 2004).

#include <string>
#include <string_view>
#include <vector>

namespace nepenthe::evaluate {

enum class Stems : bool { kNo, kYes };

// Lower-case runs of a–z and 0–9; with stems, words of more than three letters as those.
std::vector<std::string> rouge_tokens(std::string_view text, Stems stems = Stems::kYes);

// Longest common subsequence of tokens over those of `reference`; 0 where that has none.
double rouge_l_recall(std::string_view reference, std::string_view text);

// Harmonic mean of that recall and of the precision, over the tokens of `text`, of words as they stand; 0 where nothing
// is common.
double rouge_l_f1(std::string_view reference, std::string_view text);

}  // namespace nepenthe::evaluate
