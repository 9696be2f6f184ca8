#pragma once
// Statistics of generated texts: how varied they are, and how near to other texts. specs: editing.md §13.2.

#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace nepenthe::evaluate {

// Words by Unicode, and marks. As NLTK's Treebank tokenizer has them sentence by sentence: hyphens, apostrophes and
// full stops inside a word belong to it, "n't", "'s" and their like stand alone, double quotation marks are `` and '',
// runs of full stops or hyphens are one mark. Typography makes no difference: curly quotation marks and apostrophes, an
// ellipsis in one character, an em dash and typographic hyphens are what they are in ASCII. Every other visible
// character beyond words stands alone, also where Treebank lets it stick to a word (dashes, "/", marks of other
// scripts, the full stop of an abbreviation, single quotation marks).
std::vector<std::string> words_and_marks(std::string_view text);

// ½ (⅔ H₂ + 4⁄3 H₃), H_n the entropy in bits of the frequencies of n-grams of words_and_marks (Zhang et al. 2018 as
// ROME weighs it, arXiv 2202.05262). Repetitive texts are low; 0 where there are fewer than two words.
double ngram_entropy(std::string_view text);

// TF-IDF as scikit-learn's default has it: lower-case runs of two and more word characters (Python's \w, of which
// combining marks are none), counts · (ln((1 + n)/(1 +
// df)) + 1), unit length.
class TfIdf {
  public:
    explicit TfIdf(std::span<const std::string> documents);
    // Of the two texts' vectors; words that no document has count nothing. 0 where a vector is empty.
    double cosine(std::string_view first, std::string_view second) const;

  private:
    std::map<std::string, double> vector_of(std::string_view text) const;

    std::map<std::string, double> idf_;
};

}  // namespace nepenthe::evaluate
