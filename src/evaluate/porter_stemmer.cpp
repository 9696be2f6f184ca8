#include "evaluate/porter_stemmer.h"

#include <array>
#include <map>
#include <span>
#include <string_view>

namespace nepenthe::evaluate {

namespace {

// A y is a consonant at the front and behind a vowel.
bool is_consonant(std::string_view word, std::size_t i) {
    if (std::string_view("aeiou").find(word[i]) != std::string_view::npos) return false;
    std::size_t run = 0;  // of y before this letter: each is what the one before it is not
    while (run < i && word[i] == 'y' && word[i - 1 - run] == 'y') ++run;
    if (word[i] != 'y') return true;
    const bool begins = run == i || std::string_view("aeiou").find(word[i - 1 - run]) != std::string_view::npos;
    return begins == (run % 2 == 0);
}

// How many vowel runs are followed by a consonant: the m of Porter's [C](VC)^m[V].
int measure(std::string_view stem) {
    int count = 0;
    for (std::size_t i = 1; i < stem.size(); ++i) count += is_consonant(stem, i) && !is_consonant(stem, i - 1);
    return count;
}

bool has_vowel(std::string_view stem) {
    for (std::size_t i = 0; i < stem.size(); ++i) {
        if (!is_consonant(stem, i)) return true;
    }
    return false;
}

bool ends_in_double_consonant(std::string_view word) {
    const std::size_t n = word.size();
    return n >= 2 && word[n - 1] == word[n - 2] && is_consonant(word, n - 1);
}

// Consonant, vowel, consonant other than w, x, y; or a vowel and a consonant that are the whole word.
bool ends_short(std::string_view word) {
    const std::size_t n = word.size();
    if (n == 2) return !is_consonant(word, 0) && is_consonant(word, 1);
    return n >= 3 && is_consonant(word, n - 3) && !is_consonant(word, n - 2) && is_consonant(word, n - 1) &&
           std::string_view("wxy").find(word[n - 1]) == std::string_view::npos;
}

struct Rule {
    std::string_view suffix, replacement;
};

// The first rule whose suffix is there decides, whether or not its stem is long enough.
std::string apply(const std::string& word, std::span<const Rule> rules, int least_measure) {
    for (const Rule& rule : rules) {
        if (!word.ends_with(rule.suffix)) continue;
        const std::string stem = word.substr(0, word.size() - rule.suffix.size());
        return measure(stem) >= least_measure ? stem + std::string(rule.replacement) : word;
    }
    return word;
}

std::string without_plural(const std::string& word) {
    if (word.ends_with("ies") && word.size() == 4) return word.substr(0, 3);
    static constexpr std::array<Rule, 4> kRules = {{{"sses", "ss"}, {"ies", "i"}, {"ss", "ss"}, {"s", ""}}};
    return apply(word, kRules, 0);
}

std::string without_past(const std::string& word) {
    if (word.ends_with("ied")) return word.substr(0, word.size() - (word.size() == 4 ? 1 : 2));
    if (word.ends_with("eed")) {
        const bool long_enough = measure(std::string_view(word).substr(0, word.size() - 3)) > 0;
        return long_enough ? word.substr(0, word.size() - 1) : word;
    }
    std::string stem;
    for (const std::string_view suffix : {"ed", "ing"}) {
        if (!word.ends_with(suffix)) continue;
        const std::string rest = word.substr(0, word.size() - suffix.size());
        if (has_vowel(rest)) {
            stem = rest;
            break;
        }
    }
    if (stem.empty()) return word;
    if (stem.ends_with("at") || stem.ends_with("bl") || stem.ends_with("iz")) return stem + "e";
    if (ends_in_double_consonant(stem)) {
        return std::string_view("lsz").find(stem.back()) == std::string_view::npos ? stem.substr(0, stem.size() - 1)
                                                                                   : stem;
    }
    return measure(stem) == 1 && ends_short(stem) ? stem + "e" : stem;
}

std::string with_i(const std::string& word) {
    const bool changes = word.size() > 2 && word.back() == 'y' && is_consonant(word, word.size() - 2);
    return changes ? word.substr(0, word.size() - 1) + "i" : word;
}

std::string without_double_suffix(const std::string& word) {
    if (word.ends_with("alli") && measure(std::string_view(word).substr(0, word.size() - 4)) > 0) {
        return without_double_suffix(word.substr(0, word.size() - 2));
    }
    static constexpr std::array<Rule, 21> kRules = {
        {{"ational", "ate"}, {"tional", "tion"}, {"enci", "ence"}, {"anci", "ance"}, {"izer", "ize"},
         {"bli", "ble"},     {"alli", "al"},     {"entli", "ent"}, {"eli", "e"},     {"ousli", "ous"},
         {"ization", "ize"}, {"ation", "ate"},   {"ator", "ate"},  {"alism", "al"},  {"iveness", "ive"},
         {"fulness", "ful"}, {"ousness", "ous"}, {"aliti", "al"},  {"iviti", "ive"}, {"biliti", "ble"},
         {"fulli", "ful"}}};
    // Counted with the l that stays.
    if (word.ends_with("logi")) {
        return measure(std::string_view(word).substr(0, word.size() - 3)) > 0 ? word.substr(0, word.size() - 1) : word;
    }
    return apply(word, kRules, 1);
}

std::string without_third(const std::string& word) {
    static constexpr std::array<Rule, 7> kRules = {
        {{"icate", "ic"}, {"ative", ""}, {"alize", "al"}, {"iciti", "ic"}, {"ical", "ic"}, {"ful", ""}, {"ness", ""}}};
    return apply(word, kRules, 1);
}

std::string without_fourth(const std::string& word) {
    static constexpr std::array<Rule, 11> kBefore = {{{"al", ""},
                                                      {"ance", ""},
                                                      {"ence", ""},
                                                      {"er", ""},
                                                      {"ic", ""},
                                                      {"able", ""},
                                                      {"ible", ""},
                                                      {"ant", ""},
                                                      {"ement", ""},
                                                      {"ment", ""},
                                                      {"ent", ""}}};
    static constexpr std::array<Rule, 7> kAfter = {
        {{"ou", ""}, {"ism", ""}, {"ate", ""}, {"iti", ""}, {"ous", ""}, {"ive", ""}, {"ize", ""}}};
    for (const Rule& rule : kBefore) {
        if (word.ends_with(rule.suffix)) return apply(word, std::span(&rule, 1), 2);
    }
    if (word.ends_with("ion")) {
        const std::string stem = word.substr(0, word.size() - 3);
        return measure(stem) > 1 && (stem.back() == 's' || stem.back() == 't') ? stem : word;
    }
    return apply(word, kAfter, 2);
}

std::string without_e(const std::string& word) {
    if (!word.ends_with("e")) return word;
    const std::string stem = word.substr(0, word.size() - 1);
    return measure(stem) > 1 || (measure(stem) == 1 && !ends_short(stem)) ? stem : word;
}

const std::map<std::string_view, std::string_view>& irregular() {
    static const std::map<std::string_view, std::string_view> words = {
        {"sky", "sky"},        {"skies", "sky"},       {"dying", "die"},        {"lying", "lie"},
        {"tying", "tie"},      {"news", "news"},       {"innings", "inning"},   {"inning", "inning"},
        {"outings", "outing"}, {"outing", "outing"},   {"cannings", "canning"}, {"canning", "canning"},
        {"howe", "howe"},      {"proceed", "proceed"}, {"exceed", "exceed"},    {"succeed", "succeed"}};
    return words;
}

}  // namespace

std::string porter_stem(const std::string& word) {
    if (const auto found = irregular().find(word); found != irregular().end()) return std::string(found->second);
    if (word.size() <= 2) return word;
    std::string stem = without_fourth(without_third(without_double_suffix(with_i(without_past(without_plural(word))))));
    stem = without_e(stem);
    if (stem.ends_with("ll") && measure(std::string_view(stem).substr(0, stem.size() - 1)) > 1) stem.pop_back();
    return stem;
}

}  // namespace nepenthe::evaluate
