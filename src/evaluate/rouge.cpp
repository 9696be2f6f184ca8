#include "evaluate/rouge.h"

#include "evaluate/porter_stemmer.h"
#include "evaluate/python_strings.h"

#include <algorithm>

namespace nepenthe::evaluate {

std::vector<std::string> rouge_tokens(std::string_view text) {
    std::vector<std::string> tokens;
    std::string word;
    const auto finish = [&] {
        if (!word.empty()) tokens.push_back(word.size() > 3 ? porter_stem(word) : word);
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
    const auto wanted = rouge_tokens(reference), given = rouge_tokens(text);
    if (wanted.empty()) return 0;
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
    return static_cast<double>(longest.back()) / static_cast<double>(wanted.size());
}

}  // namespace nepenthe::evaluate
