#include "unlearn/finding/term_judge.h"

#include <algorithm>
#include <cmath>

namespace nepenthe::unlearn {

std::int64_t least_occurrences(std::int64_t words) {
    return std::max<std::int64_t>(2, std::llround(std::sqrt(static_cast<double>(words) / 1e4)));
}

double log_likelihood_ratio(double a, double n, double b, double m) {
    const double expected_a = n * (a + b) / (n + m), expected_b = m * (a + b) / (n + m);
    const auto term = [](double count, double expected) {
        return count > 0 ? count * std::log(count / expected) : 0.0;
    };
    const double ratio = 2 * (term(a, expected_a) + term(b, expected_b));
    return a * m >= b * n ? ratio : -ratio;
}

TermJudge::TermJudge(std::int64_t words, const text::OrdinaryEnglish& english, const ProposalRules& rules)
    : words_(static_cast<double>(words)),
      ordinary_words_(english.total()),
      rules_(rules),
      least_(rules.least > 0 ? rules.least : least_occurrences(words)) {}

std::optional<Proposal> TermJudge::judge(std::string term, std::int64_t count, double ordinary,
                                         double least_ratio) const {
    const auto occurrences = static_cast<double>(count);
    // One occurrence more in ordinary English: that it has none there may be chance.
    if (occurrences / words_ < least_ratio * (ordinary + 1) / ordinary_words_) return std::nullopt;
    const double score = log_likelihood_ratio(occurrences, words_, ordinary, ordinary_words_);
    if (score < rules_.least_score) return std::nullopt;
    return Proposal{std::move(term), count, score};
}

}  // namespace nepenthe::unlearn
