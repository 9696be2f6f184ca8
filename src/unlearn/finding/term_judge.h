#pragma once
// Whether a corpus uses a term so much more than ordinary English does that the term is its own.

#include "text/ordinary_english.h"

#include <cstdint>
#include <optional>
#include <string>

namespace nepenthe::unlearn {

struct ProposalRules {
    std::int64_t least = 0;  // occurrences that a term must have; 0 = least_occurrences()
    // A term is this much more frequent than in ordinary English …
    double least_ratio = 8;
    double least_word_ratio = 60;  // (without a capital; without naming anybody, any place or thing: twice that)
    // … and that is no chance: the log-likelihood ratio is at least this; 10.83 = one in a thousand.
    double least_score = 10.83;
    bool words = true;  // propose words without a capital, too
};

struct Proposal {
    std::string term;  // as it is written most often, in the singular where the corpus has one
    std::int64_t count = 0;
    double score = 0;
    bool operator==(const Proposal&) const = default;
};

// Occurrences that are asked for in a corpus of so many words: 2 up to 40,000, then as their square root.
std::int64_t least_occurrences(std::int64_t words);

// The log-likelihood ratio of `a` occurrences among `n` against `b` among `m`; negative where the first is rarer.
// Dunning, "Accurate Methods for the Statistics of Surprise and Coincidence" (1993).
double log_likelihood_ratio(double a, double n, double b, double m);

class TermJudge {
  public:
    // For a corpus of so many words.
    TermJudge(std::int64_t words, const text::OrdinaryEnglish& english, const ProposalRules& rules);

    std::int64_t least() const { return least_; }
    const ProposalRules& rules() const { return rules_; }
    // The term with its score, where it passes; `ordinary`: how often ordinary English has it, of english.total()
    // words.
    std::optional<Proposal> judge(std::string term, std::int64_t count, double ordinary, double least_ratio) const;

  private:
    double words_, ordinary_words_;
    ProposalRules rules_;
    std::int64_t least_;
};

}  // namespace nepenthe::unlearn
