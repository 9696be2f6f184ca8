#include "text/ordinary_english.h"

#include "base/error.h"
#include "base/number.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <utility>

namespace nepenthe::text {

extern const std::string_view ordinary_english_table;

namespace {

constexpr std::size_t kShortestStem = 3;

// An ending, and what stood in its place. The table's script leaves out rare words that the first twelve explain.
constexpr std::array<std::pair<std::string_view, std::string_view>, 37> kEndings{{
    {"ies", "y"}, {"es", ""},   {"s", ""},     {"ied", "y"},   {"ed", ""},     {"ed", "e"}, {"ing", ""},
    {"ing", "e"}, {"ily", "y"}, {"ly", ""},    {"iness", "y"}, {"ness", ""},   {"er", ""},  {"er", "e"},
    {"ier", "y"}, {"est", ""},  {"est", "e"},  {"iest", "y"},  {"less", ""},   {"ful", ""}, {"y", ""},
    {"ish", ""},  {"able", ""}, {"able", "e"}, {"n't", ""},    {"'ll", ""},    {"'d", ""},  {"'ve", ""},
    {"'re", ""},  {"like", ""}, {"en", ""},    {"ment", ""},   {"ation", "e"}, {"al", ""},  {"ic", ""},
    {"ity", ""},  {"ity", "e"},
}};

constexpr std::array<std::pair<std::string_view, std::string_view>, 4> kPlurals{
    {{"s", ""}, {"es", ""}, {"ies", "y"}, {"ves", "f"}}};

constexpr std::array<std::string_view, 17> kPrefixes{"un",    "re",    "in",   "non",  "over", "out",
                                                     "under", "mis",   "dis",  "fore", "pre",  "sub",
                                                     "inter", "super", "anti", "semi", "mid"};

NounKind kind_of(char letter) {
    switch (letter) {
        case 'p': return NounKind::kPerson;
        case 'a': return NounKind::kAnimal;
        case 'l': return NounKind::kPlace;
        case 't': return NounKind::kThing;
        case 'x': return NounKind::kOther;
        default: return NounKind::kNone;
    }
}

int digit(char c) { return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'z' ? c - 'a' + 10 : -1; }

// Takes the first word off `line`.
std::string_view next_word(std::string_view& line) {
    const std::size_t begin = std::min(line.find_first_not_of(' '), line.size());
    const std::size_t end = std::min(line.find(' ', begin), line.size());
    const std::string_view word = line.substr(begin, end - begin);
    line.remove_prefix(end);
    return word;
}

}  // namespace

const OrdinaryEnglish& OrdinaryEnglish::instance() {
    static const OrdinaryEnglish table(ordinary_english_table);
    return table;
}

OrdinaryEnglish::OrdinaryEnglish(std::string_view table) {
    for (std::size_t number = 1; !table.empty(); ++number) {
        std::string_view line = table.substr(0, table.find('\n'));
        table.remove_prefix(std::min(line.size() + 1, table.size()));
        if (line.empty() || line.front() == '#') continue;
        const std::string_view code = next_word(line);
        if (code == "total") {
            const std::string_view total = next_word(line);
            std::from_chars(total.data(), total.data() + total.size(), total_);
            continue;
        }
        if (code.size() != 3 || digit(code[0]) < 0 || digit(code[1]) < 0 || digit(code[1]) > 9) {
            fail(ErrorKind::kInternal, "the table of ordinary English, line {}: \"{}\" is no code", number, code);
        }
        const OrdinaryWord entry{std::exp2(digit(code[0]) / 2.0), digit(code[1]) / 9.0, kind_of(code[2])};
        for (std::string_view word = next_word(line); !word.empty(); word = next_word(line)) words_[word] = entry;
    }
    if (total_ <= 0) fail(ErrorKind::kInternal, "the table of ordinary English has no line \"total\"");
}

OrdinaryWord OrdinaryEnglish::find(std::string_view word) const {
    const auto found = words_.find(word);
    return found == words_.end() ? OrdinaryWord{} : found->second;
}

NounKind OrdinaryEnglish::noun_kind(std::string_view word) const {
    NounKind kind = find(word).kind;
    for (const auto& [ending, base] : kPlurals) {
        if (kind != NounKind::kNone || !word.ends_with(ending)) continue;
        kind = find(std::string(word.substr(0, word.size() - ending.size())).append(base)).kind;
    }
    if (kind != NounKind::kNone || words_.contains(word)) return kind;
    if (const std::size_t hyphen = word.rfind('-'); hyphen != std::string_view::npos)
        return noun_kind(word.substr(hyphen + 1));
    for (std::size_t at = kShortestStem; at + kShortestStem < word.size(); ++at) {
        if (words_.contains(word.substr(0, at)) && words_.contains(word.substr(at))) return noun_kind(word.substr(at));
    }
    return NounKind::kNone;
}

bool OrdinaryEnglish::is_concrete_noun(std::string_view word) const {
    const NounKind kind = noun_kind(word);
    return kind != NounKind::kNone && kind != NounKind::kOther;
}

bool OrdinaryEnglish::knows(std::string_view word) const { return knows(word, 0); }

bool OrdinaryEnglish::knows(std::string_view word, int depth) const {
    if (words_.contains(word)) return true;
    if (depth > 2 || word.size() < kShortestStem) return word.size() < kShortestStem;
    if (const std::size_t hyphen = word.find('-'); hyphen != std::string_view::npos)
        return knows(word.substr(0, hyphen), depth) && knows(word.substr(hyphen + 1), depth);
    std::string stem;
    for (const auto& [ending, base] : kEndings) {
        if (!word.ends_with(ending)) continue;
        stem.assign(word.substr(0, word.size() - ending.size())).append(base);
        if (stem.size() < kShortestStem) continue;
        if (knows(stem, depth + 1)) return true;
        const std::size_t size = stem.size();  // rapp-ed
        if (size > kShortestStem && stem[size - 1] == stem[size - 2] && words_.contains(stem.substr(0, size - 1)))
            return true;
    }
    for (const std::string_view prefix : kPrefixes) {
        if (word.starts_with(prefix) && word.size() >= prefix.size() + kShortestStem &&
            words_.contains(word.substr(prefix.size())))
            return true;
    }
    for (std::size_t at = kShortestStem; at + kShortestStem <= word.size(); ++at) {
        if (words_.contains(word.substr(0, at)) && words_.contains(word.substr(at))) return true;
    }
    return false;
}

}  // namespace nepenthe::text
