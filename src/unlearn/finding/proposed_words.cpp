#include "unlearn/finding/proposed_words.h"

#include "text/letters.h"
#include "unlearn/finding/term_runs.h"

#include <algorithm>
#include <limits>
#include <map>
#include <optional>

namespace nepenthe::unlearn {

namespace {

constexpr std::size_t kShortestWord = 4;  // bytes
constexpr std::int64_t kLeastCoined = 4;  // occurrences of a word that English does not have …
constexpr std::int64_t kLeastRare = 6;    // … of one that it has …
constexpr std::int64_t kLeastPair = 5;    // … of a pair of words …
constexpr double kPairShare = 0.2;        // … and their share of those of its rarer word

class WordProposer {
  public:
    WordProposer(const WordCases& cases, const text::OrdinaryEnglish& english, const TermJudge& judge)
        : cases_(cases), english_(english), judge_(judge) {}

    void add_words(std::vector<Proposal>& out) const {
        for (const auto& [word, n] : cases_.counts()) {
            if (n.lower <= n.inside + n.upper || word.size() < kShortestWord) continue;
            std::optional<Proposal> proposal;
            if (!english_.knows(word)) {
                if (n.lower >= std::max(judge_.least(), kLeastCoined))
                    proposal = judge_.judge(word, n.total(), 0, judge_.rules().least_ratio);
            } else if (n.lower >= least_rare(word)) {
                proposal = judge_.judge(word, n.total(), english_.find(word).count, rare_ratio(word));
            }
            if (proposal) out.push_back(*proposal);
        }
    }

    void add_pairs(const TextCounts& counts, std::vector<Proposal>& out) const {
        std::map<std::string, TermRun> pairs;
        for (const auto& [text, count] : counts.counts()) {
            pairs[text::to_lower(text)].add(2, text, count);
        }
        for (const auto& [key, run] : pairs) {
            const std::vector<std::string> words = split_words(key);
            const std::int64_t rarer = std::min(cases_.find(words[0]).total(), cases_.find(words[1]).total());
            if (run.count < std::max(2 * judge_.least(), kLeastPair)) continue;
            // Of a name the capitals inside sentences count: what often follows it is its verb.
            const bool named = text::to_lower(run.form()) != run.form();
            const std::int64_t whole = named ? cases_.find(words[0]).inside : rarer;
            if (static_cast<double>(run.count) < kPairShare * static_cast<double>(whole)) continue;
            const double ordinary =
                kWordsTogether * std::min(english_.find(words[0]).count, english_.find(words[1]).count);
            const double ratio = named ? judge_.rules().least_ratio : judge_.rules().least_word_ratio;
            if (auto proposal = judge_.judge(run.form(), run.count, ordinary, ratio)) out.push_back(*proposal);
        }
    }

  private:
    // How often a word of English must occur: compounds that are not listed are less ordinary than other words.
    std::int64_t least_rare(const std::string& word) const {
        const std::size_t hyphen = word.find('-');
        const bool compound = hyphen != std::string::npos && english_.find(word).count == 0 &&
                              english_.is_concrete_noun(word.substr(0, hyphen)) && english_.is_concrete_noun(word);
        return compound ? std::max(2 * judge_.least(), kLeastCoined) - 1 : std::max(3 * judge_.least(), kLeastRare);
    }

    // How much more frequent it must be: other nouns than concrete ones more, other words than nouns never enough.
    double rare_ratio(const std::string& word) const {
        switch (english_.noun_kind(word)) {
            case text::NounKind::kNone: return std::numeric_limits<double>::infinity();
            case text::NounKind::kOther: return 2 * judge_.rules().least_word_ratio;
            default: return judge_.rules().least_word_ratio;
        }
    }

    const WordCases& cases_;
    const text::OrdinaryEnglish& english_;
    const TermJudge& judge_;
};

}  // namespace

std::vector<Proposal> propose_words(const WordCases& cases, const TextCounts& pairs,
                                    const text::OrdinaryEnglish& english, const TermJudge& judge) {
    const WordProposer proposer(cases, english, judge);
    std::vector<Proposal> out;
    proposer.add_words(out);
    proposer.add_pairs(pairs, out);
    return out;
}

}  // namespace nepenthe::unlearn
