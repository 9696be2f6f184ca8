#include "evaluate/text_statistics.h"

#include "evaluate/python_strings.h"
#include "text/letters.h"
#include "text/unicode.h"

#include <cmath>
#include <set>
#include <utility>

namespace nepenthe::evaluate {

namespace {

bool is_word(char32_t c) { return text::is_word(c) || text::is_numeric(c); }
bool is_hyphen(char32_t c) { return c == U'-' || c == U'\u2010' || c == U'\u2011' || c == U'\u00AD'; }
bool is_apostrophe(char32_t c) { return c == U'\'' || c == U'\u2019'; }

// Whether `c` between two characters, the latter being `next`, holds them together: "well-known", "it's", "U.S",
// "1,000", "10:30".
bool joins(char32_t c, char32_t next) {
    if (c == U',' || c == U':') return text::is_numeric(next);
    return (is_hyphen(c) || is_apostrophe(c) || c == U'.') && is_word(next);
}

bool ends_with_any_case(std::string_view word, std::string_view ending) {
    return word.size() > ending.size() && lower(word.substr(word.size() - ending.size())) == ending;
}

// A word as Treebank's tokenizer leaves it: endings behind an apostrophe, and some that need none, stand alone.
void add_word(std::vector<std::string>& tokens, const std::string& word) {
    std::size_t at = word.size();
    for (const std::string_view ending : {"n't", "'s", "'m", "'d", "'ll", "'re", "'ve", "'n", "'ye"}) {
        if (ends_with_any_case(word, ending)) at = word.size() - ending.size();
    }
    for (const std::string_view joined : {"cannot", "gimme", "gonna", "gotta", "lemme", "wanna"}) {
        if (lower(word) == joined) at = 3;
    }
    tokens.push_back(word.substr(0, at));
    if (at < word.size()) tokens.push_back(word.substr(at));
}

// One text, read from left to right.
class Words {
  public:
    explicit Words(std::string_view text) : text_(text) {}

    std::vector<std::string> all() && {
        while (at_ < text_.size()) {
            const char32_t c = text::decode_at(text_, at_);
            if (text::is_white_space(c)) {
                at_ += text::character_length(text_[at_]);
            } else if (is_word(c)) {
                take_word();
            } else {
                take_mark(c);
            }
        }
        return std::move(tokens_);
    }

  private:
    void take_word() {
        std::string word;
        while (at_ < text_.size()) {
            const char32_t c = text::decode_at(text_, at_);
            const std::size_t next = at_ + text::character_length(text_[at_]);
            if (!is_word(c) && !joins(c, text::code_point_at(text_, next))) break;
            if (is_apostrophe(c)) {
                word += '\'';
            } else if (c == U'\u2010' || c == U'\u2011') {
                word += '-';
            } else if (c != U'\u00AD') {  // where a line may break, nothing else
                word += text_.substr(at_, next - at_);
            }
            at_ = next;
        }
        add_word(tokens_, word);
    }

    // Marks alone; runs of full stops and hyphens as one, quotation marks as Treebank writes them.
    void take_mark(char32_t c) {
        const std::size_t begin = at_;
        at_ += text::character_length(text_[at_]);
        if (c == U'.' || c == U'-') {
            while (at_ < text_.size() && text_[at_] == text_[begin]) ++at_;
        }
        if (c == U'"') {
            const char32_t before = text::code_point_before(text_, begin);
            const bool opens = before == 0 || text::is_white_space(before) ||
                               std::u32string_view(U"([{<").find(before) != std::u32string_view::npos;
            tokens_.emplace_back(opens ? "``" : "''");
        } else if (c == U'\u201C' || c == U'\u201D') {
            tokens_.emplace_back(c == U'\u201C' ? "``" : "''");
        } else if (c == U'\u2026') {
            tokens_.emplace_back("...");
        } else if (c == U'\u2014') {
            tokens_.emplace_back("--");
        } else if (is_apostrophe(c)) {
            tokens_.emplace_back("'");
        } else {
            tokens_.emplace_back(text_.substr(begin, at_ - begin));
        }
    }

    std::string_view text_;
    std::size_t at_ = 0;
    std::vector<std::string> tokens_;
};

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

// Runs of at least two word characters, in lower case: scikit-learn's (?u)\b\w\w+\b.
std::vector<std::string> long_words(std::string_view text) {
    const std::string lowered = lower(text);
    std::vector<std::string> words;
    std::size_t begin = 0, characters = 0;
    const auto finish = [&](std::size_t end) {
        if (characters >= 2) words.push_back(lowered.substr(begin, end - begin));
        characters = 0;
    };
    for (std::size_t at = 0; at < lowered.size(); at += text::character_length(lowered[at])) {
        if (!is_python_word(text::decode_at(lowered, at))) {
            finish(at);
        } else if (characters++ == 0) {
            begin = at;
        }
    }
    finish(lowered.size());
    return words;
}

}  // namespace

std::vector<std::string> words_and_marks(std::string_view text) { return Words(text).all(); }

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
