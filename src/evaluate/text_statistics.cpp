#include "evaluate/text_statistics.h"

#include <algorithm>
#include <cmath>
#include <set>

namespace nepenthe::evaluate {

namespace {

bool is_ascii_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' || c == '\v'; }

// Letters beyond ASCII are taken byte by byte as parts of words.
bool is_word_byte(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           static_cast<unsigned char>(c) >= 0x80;
}

double entropy_of_ngrams(const std::vector<std::string>& words, std::size_t n) {
    if (words.size() < n) return 0;
    std::map<std::vector<std::string>, double> counts;
    for (std::size_t i = 0; i + n <= words.size(); ++i)
        ++counts[{words.begin() + static_cast<std::ptrdiff_t>(i), words.begin() + static_cast<std::ptrdiff_t>(i + n)}];
    const auto total = static_cast<double>(words.size() - n + 1);
    double entropy = 0;
    for (const auto& [gram, count] : counts) entropy -= count / total * std::log2(count / total);
    return entropy;
}

std::vector<std::string> long_words(std::string_view text) {
    std::vector<std::string> words;
    std::string word;
    const auto finish = [&] {
        if (word.size() >= 2) words.push_back(word);
        word.clear();
    };
    for (const char c : text) {
        if (is_word_byte(c)) {
            word += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
        } else {
            finish();
        }
    }
    finish();
    return words;
}

}  // namespace

std::vector<std::string> words_and_marks(std::string_view text) {
    std::vector<std::string> tokens;
    for (std::size_t i = 0; i < text.size();) {
        if (is_ascii_space(text[i])) {
            ++i;
            continue;
        }
        std::size_t end = i + 1;
        if (is_word_byte(text[i])) {
            const auto goes_on = [&](std::size_t at) {
                const bool joint =
                    (text[at] == '\'' || text[at] == '-') && at + 1 < text.size() && is_word_byte(text[at + 1]);
                return is_word_byte(text[at]) || joint;
            };
            while (end < text.size() && goes_on(end)) ++end;
        }
        tokens.emplace_back(text.substr(i, end - i));
        i = end;
    }
    return tokens;
}

double ngram_entropy(std::string_view text) {
    const auto words = words_and_marks(text);
    return 0.5 * (2.0 / 3.0 * entropy_of_ngrams(words, 2) + 4.0 / 3.0 * entropy_of_ngrams(words, 3));
}

TfIdf::TfIdf(std::span<const std::string> documents) {
    std::map<std::string, double> holding;
    for (const std::string& document : documents) {
        const auto words = long_words(document);
        for (const std::string& word : std::set<std::string>(words.begin(), words.end())) ++holding[word];
    }
    const auto count = static_cast<double>(documents.size());
    for (const auto& [word, df] : holding) idf_[word] = std::log((1 + count) / (1 + df)) + 1;
}

std::map<std::string, double> TfIdf::vector_of(std::string_view text) const {
    std::map<std::string, double> vector;
    for (const std::string& word : long_words(text)) {
        if (const auto found = idf_.find(word); found != idf_.end()) vector[word] += found->second;
    }
    double squares = 0;
    for (const auto& [word, weight] : vector) squares += weight * weight;
    for (auto& [word, weight] : vector) weight /= std::sqrt(squares);
    return vector;
}

double TfIdf::cosine(std::string_view first, std::string_view second) const {
    const auto a = vector_of(first), b = vector_of(second);
    double product = 0;
    for (const auto& [word, weight] : a) {
        if (const auto found = b.find(word); found != b.end()) product += weight * found->second;
    }
    return product;
}

}  // namespace nepenthe::evaluate
