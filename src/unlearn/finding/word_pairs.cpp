#include "unlearn/finding/word_pairs.h"

#include "text/letters.h"
#include "unlearn/finding/word_cases.h"

#include <algorithm>
#include <array>

namespace nepenthe::unlearn {

namespace {

// In a million words of ordinary English, at most.
constexpr double kMostOfFirst = 650, kMostOfSecond = 300;
constexpr std::size_t kShortest = 3;  // bytes

constexpr std::array<std::string_view, 18> kCounting{"one",   "two",    "three", "four", "five", "six",
                                                     "seven", "eight",  "nine",  "ten",  "next", "last",
                                                     "first", "second", "third", "own",  "same", "several"};

double per_million(const std::string& word, const text::OrdinaryEnglish& english) {
    return 1e6 * english.find(word).count / english.total();
}

bool may_be_first(const std::string& word, const text::OrdinaryEnglish& english) {
    if (word.size() < kShortest || std::find(kCounting.begin(), kCounting.end(), word) != kCounting.end()) return false;
    const bool adverb = word.ends_with("ly") && english.find(word).kind == text::NounKind::kNone;
    return !adverb && per_million(word, english) <= kMostOfFirst;
}

bool may_be_second(const std::string& word, const text::OrdinaryEnglish& english) {
    return word.size() >= kShortest && english.is_concrete_noun(word) && per_million(word, english) <= kMostOfSecond;
}

}  // namespace

void add_word_pairs(const text::Prose& prose, const text::OrdinaryEnglish& english, TextCounts& counts) {
    for (std::size_t at = 1; at < prose.words.size(); ++at) {
        const text::ProseWord &first = prose.words[at - 1], &second = prose.words[at];
        if (second.joint != text::Joint::kBlank || second.written != text::WordCase::kLower || first.clitic) continue;
        const std::string lower = text::to_lower(first.text);
        const bool name = first.written == text::WordCase::kCapital && !first.opens && !is_never_a_name(lower);
        const bool word = first.written == text::WordCase::kLower && may_be_first(lower, english);
        if ((!name && !word) || !may_be_second(second.text, english)) continue;
        counts.add(first.text + " " + second.text);
    }
}

}  // namespace nepenthe::unlearn
