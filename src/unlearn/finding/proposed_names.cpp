#include "unlearn/finding/proposed_names.h"

#include "text/letters.h"
#include "text/unicode.h"
#include "unlearn/finding/term_runs.h"

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace nepenthe::unlearn {

namespace {

constexpr std::size_t kLongestTerm = 7;  // words
constexpr double kPartShare = 0.8;       // a part of a longer term that occurs this often in it is none of its own
constexpr double kAloneShare = 0.1;      // of a word's occurrences, outside longer terms, for a term of its own
constexpr double kSideBySide = 5, kThrough = 2;  // how often two names occur for one time together by chance
constexpr std::int64_t kShortWords = 5;  // a name of two letters, often a unit, must occur so many times as often
constexpr std::size_t kDatingWords = 4;  // that many months or days of the week: the corpus dates things

constexpr std::array<std::string_view, 19> kCalendar{
    "january",  "february", "march",  "april",   "may",       "june",     "july",   "august",   "september", "october",
    "november", "december", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"};
constexpr std::size_t kMonths = 12;

bool is_calendar(std::string_view word) {
    return std::find(kCalendar.begin(), kCalendar.end(), word) != kCalendar.end();
}

class NameProposer {
  public:
    NameProposer(const WordCases& cases, const TextCounts& spans, const text::OrdinaryEnglish& english,
                 const TermJudge& judge)
        : cases_(cases), english_(english), judge_(judge), dates_(dates_things()) {
        for (const auto& [text, count] : spans.counts()) spans_.emplace_back(split_words(text), count);
    }

    std::vector<Proposal> run() {
        count_runs();
        choose_phrases();
        count_alone();
        std::vector<Proposal> out;
        for (const auto& [key, run] : runs_) {
            if (auto proposal = run.words > 1 ? phrase(key, run) : word(key, run)) out.push_back(std::move(*proposal));
        }
        return out;
    }

  private:
    bool dates_things() const {
        std::size_t months = 0, days = 0;
        for (std::size_t i = 0; i < kCalendar.size(); ++i) {
            const CaseCounts n = cases_.find(std::string(kCalendar[i]));
            (i < kMonths ? months : days) += n.inside + n.opening > 0;
        }
        return std::max(months, days) >= kDatingWords;
    }

    static bool may_begin(const std::string& word) { return !is_link(word) && !is_number(word); }
    static bool may_end(const std::string& word) {
        return !is_link(word) && (is_number(word) || text::code_point_at(word, 0) == 0 || word.size() > 1);
    }

    void count_runs() {
        for (const auto& [words, count] : spans_) {
            for (std::size_t begin = 0; begin < words.size(); ++begin) {
                if (!may_begin(words[begin])) continue;
                const std::size_t longest = std::min(words.size(), begin + kLongestTerm);
                for (std::size_t end = begin + 1; end <= longest; ++end) {
                    if (!may_end(words[end - 1])) continue;
                    const std::span<const std::string> part(words.data() + begin, end - begin);
                    runs_[run_key(part)].add(end - begin, written_run(part), count);
                }
            }
        }
    }

    bool is_date(const std::string& key) const {
        const std::vector<std::string> words = split_words(key);
        return dates_ && std::all_of(words.begin(), words.end(), [](const std::string& word) {
                   return is_calendar(word) || is_number(word) || is_link(word);
               });
    }

    std::int64_t count_of(std::span<const std::string> words) const {
        const auto run = runs_.find(run_key(words));
        return run == runs_.end() ? 0 : run->second.count;
    }

    // Two names that are far more often apart, side by side, or with "the" between: "in Grimmaw the Hollow King said".
    bool is_chance_meeting(const std::vector<std::string>& words, std::int64_t count) const {
        for (std::size_t at = 1; at < words.size(); ++at) {
            const std::size_t right = words[at] == "the" ? at + 1 : at;
            if (is_link(words[at - 1]) || right >= words.size() || is_link(words[right])) continue;
            const double apart = (right > at ? kThrough : kSideBySide) * static_cast<double>(count);
            if (static_cast<double>(count_of({words.data(), at})) >= apart &&
                static_cast<double>(count_of({words.data() + right, words.size() - right})) >= apart)
                return true;
        }
        return false;
    }

    // Marks runs of several words that are terms of their own.
    void choose_phrases() {
        for (const auto& [key, run] : runs_) {
            if (run.words > 1 && run.count >= judge_.least() && !is_date(key)) phrases_.emplace(key, run.count);
        }
        std::vector<std::string> gone;
        for (const auto& [key, count] : phrases_) {
            const std::vector<std::string> words = split_words(key);
            if (is_chance_meeting(words, count)) {
                gone.push_back(key);
                continue;
            }
            for (std::size_t begin = 0; begin < words.size(); ++begin) {
                for (std::size_t end = begin + 2; end <= words.size(); ++end) {
                    if (end - begin == words.size()) continue;
                    const auto part = phrases_.find(run_key({words.data() + begin, end - begin}));
                    if (part != phrases_.end() &&
                        static_cast<double>(count) >= kPartShare * static_cast<double>(part->second))
                        gone.push_back(part->first);
                }
            }
        }
        for (const std::string& key : gone) phrases_.erase(key);
    }

    // Occurrences of single words outside the chosen phrases.
    void count_alone() {
        for (const auto& [words, count] : spans_) {
            for (std::size_t at = 0; at < words.size();) {
                std::size_t end = std::min(words.size(), at + kLongestTerm);
                while (end > at + 1 && !phrases_.contains(run_key({words.data() + at, end - at}))) --end;
                if (end == at + 1) alone_[run_key({words.data() + at, 1})] += count;
                at = end;
            }
        }
    }

    std::optional<Proposal> phrase(const std::string& key, const TermRun& run) const {
        if (!phrases_.contains(key)) return std::nullopt;
        return judge_.judge(run.form(), run.count, ordinary_count(split_words(key), english_),
                            judge_.rules().least_ratio);
    }

    std::optional<Proposal> word(const std::string& key, const TermRun& run) const {
        const auto found = alone_.find(key);
        const std::int64_t alone = found == alone_.end() ? 0 : found->second;
        if (alone < judge_.least() || static_cast<double>(alone) < kAloneShare * static_cast<double>(run.count))
            return std::nullopt;
        if (key.size() < 2 || (key.size() == 2 && alone < kShortWords * judge_.least()) || is_date(key))
            return std::nullopt;
        const CaseCounts n = cases_.find(key);
        // Interjections and stutters open sentences and do nothing else.
        if (n.inside == 0 && n.upper < judge_.least()) return std::nullopt;
        if (!is_name(key, cases_, english_)) return std::nullopt;
        return judge_.judge(run.form(), n.capital(), ordinary_count({&key, 1}, english_), judge_.rules().least_ratio);
    }

    const WordCases& cases_;
    const text::OrdinaryEnglish& english_;
    const TermJudge& judge_;
    bool dates_;
    std::vector<std::pair<std::vector<std::string>, std::int64_t>> spans_;  // their words, and how often
    std::map<std::string, TermRun> runs_;                                   // all parts of spans that may be terms
    std::map<std::string, std::int64_t> phrases_;                           // runs of several words that are terms
    std::map<std::string, std::int64_t> alone_;                             // single words outside of these
};

}  // namespace

std::vector<Proposal> propose_names(const WordCases& cases, const TextCounts& spans,
                                    const text::OrdinaryEnglish& english, const TermJudge& judge) {
    return NameProposer(cases, spans, english, judge).run();
}

}  // namespace nepenthe::unlearn
