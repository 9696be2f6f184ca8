#include "unlearn/finding/propose.h"

#include "unlearn/anchors/inflection.h"
#include "unlearn/finding/proposed_entities.h"
#include "unlearn/finding/proposed_names.h"
#include "unlearn/finding/proposed_words.h"
#include "unlearn/finding/term_runs.h"

#include <algorithm>
#include <map>
#include <set>
#include <string>

namespace nepenthe::unlearn {

namespace {

// A plural goes into its singular, whose occurrences take it in.
void merge_plurals(std::vector<Proposal>& proposals) {
    std::map<std::string, std::size_t> by_text;
    for (std::size_t i = 0; i < proposals.size(); ++i) by_text[proposals[i].term] = i;
    std::vector<bool> gone(proposals.size());
    for (std::size_t i = 0; i < proposals.size(); ++i) {
        for (const std::string& plural : plurals(proposals[i].term)) {
            const auto found = by_text.find(plural);
            if (found == by_text.end() || found->second == i || gone[found->second]) continue;
            proposals[i].count += proposals[found->second].count;
            proposals[i].score = std::max(proposals[i].score, proposals[found->second].score);
            gone[found->second] = true;
        }
    }
    std::size_t at = 0;
    std::erase_if(proposals, [&](const Proposal&) { return gone[at++]; });
}

}  // namespace

double english_share(const WordCases& cases, const text::OrdinaryEnglish& english) {
    std::int64_t known = 0, all = 0;
    for (const auto& [word, n] : cases.counts()) {
        all += n.lower;
        if (n.lower > 0 && english.knows(word)) known += n.lower;
    }
    return all == 0 ? 0.0 : static_cast<double>(known) / static_cast<double>(all);
}

std::vector<Proposal> propose(const WordCases& cases, const RunCounts& runs, const text::OrdinaryEnglish& english,
                              const ProposalRules& rules) {
    const TermJudge judge(cases.words(), english, rules);
    std::vector<Proposal> out = propose_names(cases, runs.names, english, judge);
    if (rules.words && english_share(cases, english) >= 0.5) {
        const std::vector<Proposal> words = propose_words(cases, runs.pairs, english, judge);
        out.insert(out.end(), words.begin(), words.end());
    }
    // What counting found has better counts.
    std::set<std::string> known;
    for (const Proposal& proposal : out) known.insert(run_key(split_words(proposal.term)));
    for (Proposal& entity : propose_entities(runs.entities, english, judge)) {
        if (!known.contains(run_key(split_words(entity.term)))) out.push_back(std::move(entity));
    }
    merge_plurals(out);
    std::sort(out.begin(), out.end(), [](const Proposal& a, const Proposal& b) {
        return a.score != b.score ? a.score > b.score : a.term < b.term;
    });
    return out;
}

}  // namespace nepenthe::unlearn
