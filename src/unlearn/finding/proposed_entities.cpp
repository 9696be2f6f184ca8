#include "unlearn/finding/proposed_entities.h"

#include "text/letters.h"
#include "unlearn/finding/entities.h"
#include "unlearn/finding/term_runs.h"

#include <cstdint>

namespace nepenthe::unlearn {

namespace {

constexpr std::size_t kLongestEntity = 7;  // words

}  // namespace

std::vector<Proposal> propose_entities(const TextCounts& entities, const text::OrdinaryEnglish& english,
                                       const TermJudge& judge) {
    std::map<std::string, TermRun> runs;
    for (const auto& [labelled, count] : entities.counts()) {
        const std::string text = labelled.substr(labelled.find('\t') + 1);
        const std::vector<std::string> words = split_words(text);
        if (words.size() > kLongestEntity || text::to_lower(text) == text) continue;
        runs[run_key(words)].add(words.size(), text, count);
    }
    std::vector<Proposal> out;
    for (const auto& [key, run] : runs) {
        if (run.count < judge.least()) continue;
        const double ordinary = ordinary_count(split_words(key), english);
        if (auto proposal = judge.judge(run.form(), run.count, ordinary, judge.rules().least_ratio))
            out.push_back(std::move(*proposal));
    }
    return out;
}

std::map<std::string, std::string> entity_kinds(const TextCounts& entities) {
    std::map<std::string, std::map<std::string, std::int64_t>> votes;
    for (const auto& [labelled, count] : entities.counts()) {
        const std::size_t tab = labelled.find('\t');
        votes[run_key(split_words(labelled.substr(tab + 1)))][std::string(kind_of_label(labelled.substr(0, tab)))] +=
            count;
    }
    std::map<std::string, std::string> kinds;
    for (const auto& [key, counts] : votes) {
        std::int64_t most = 0;
        for (const auto& [kind, count] : counts) {
            if (count > most) most = count, kinds[key] = kind;
        }
    }
    return kinds;
}

}  // namespace nepenthe::unlearn
