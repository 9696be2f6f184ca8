#pragma once
// English stems: M. F. Porter, "An algorithm for suffix stripping", Program 14 (1980), with the departures that its
// author and NLTK made later, which is what ROUGE counts by.

#include <string>

namespace nepenthe::evaluate {

// Stem of a word of lower-case ASCII letters and digits.
std::string porter_stem(const std::string& word);

}  // namespace nepenthe::evaluate
