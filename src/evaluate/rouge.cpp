#include "evaluate/rouge.h"

#include "evaluate/porter_stemmer.h"
#include "evaluate/python_strings.h"

#include <algorithm>

namespace nepenthe::evaluate {

namespace {

// Length of the longest common subsequence.
double common_length(const std::vector<std::string>& wanted, const std::vector<std::string>& given) {
    // longest[j]: of the wanted tokens so far and the first j given ones.
    std::vector<std::size_t> longest(given.size() + 1, 0);
    for (const std::string& token : wanted) {
        std::size_t diagonal = 0;
        for (std::size_t j = 0; j < given.size(); ++j) {
            const std::size_t above = longest[j + 1];
            longest[j + 1] = token == given[j] ? diagonal + 1 : std::max(above, longest[j]);
            diagonal = above;
        }
    }
    return static_cast<double>(longest.back());
}

}  // namespace

std::vector<std::string> rouge_tokens(std::string_view text, Stems stems) {
    std::vector<std::string> tokens;
    std::string word;
    const auto finish = [&] {
        if (!word.empty()) tokens.push_back(stems == Stems::kYes && word.size() > 3 ? porter_stem(word) : word);
        word.clear();
    };
    for (const char c : lower(text)) {
        if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9')) {
            word.push_back(c);
        } else {
            finish();
        }
    }
    finish();
    return tokens;
}

double rouge_l_recall(std::string_view reference, std::string_view text) {
    const auto wanted = rouge_tokens(reference);
    if (wanted.empty()) return 0;
    return common_length(wanted, rouge_tokens(text)) / static_cast<double>(wanted.size());
}

double rouge_l_f1(std::string_view reference, std::string_view text) {
    const auto wanted = rouge_tokens(reference, Stems::kNo), given = rouge_tokens(text, Stems::kNo);
    const double common = common_length(wanted, given);
    if (common == 0) return 0;
    const double recall = common / static_cast<double>(wanted.size());
    const double precision = common / static_cast<double>(given.size());
    return 2 * precision * recall / (precision + recall);
}

}  // namespace nepenthe::evaluate
