#include "unlearn/finding/find_terms.h"

#include "base/log.h"
#include "store/blocks.h"
#include "text/corpus.h"
#include "text/prose.h"
#include "unlearn/anchors/dictionary.h"
#include "unlearn/anchors/term_matcher.h"
#include "unlearn/finding/name_spans.h"
#include "unlearn/finding/proposed_entities.h"
#include "unlearn/finding/term_contexts.h"
#include "unlearn/finding/term_runs.h"
#include "unlearn/finding/text_counts.h"
#include "unlearn/finding/word_cases.h"
#include "unlearn/finding/word_pairs.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

namespace nepenthe::unlearn {

namespace {

constexpr std::size_t kPassageBytes = 64u << 10;
constexpr double kShouted = 0.5;  // of the words all in capitals

// Adds up what `compute` says of every passage.
template <typename Sum, typename Compute, typename Add>
Sum over_passages(const dist::Comm& comm, const std::vector<std::string_view>& passages, const std::string& label,
                  Sum sum, const Compute& compute, const Add& add) {
    store::BlockOptions options;
    options.label = label;
    options.unit = "passages";
    for (const std::string_view passage : passages) options.costs.push_back(static_cast<double>(passage.size()));
    const store::BlockResults results = store::for_each_block(
        comm, {}, passages.size(), options, [&](std::uint64_t block) { return compute(passages[block]); });
    for (std::uint64_t block = 0; block < passages.size(); ++block) add(sum, results.read(block));
    return sum;
}

// What makes the counts hard to read; people are told once.
void say_what_is_odd(const WordCases& cases, const text::OrdinaryEnglish& english) {
    CaseCounts all;
    for (const auto& [word, n] : cases.counts()) {
        all.lower += n.lower;
        all.upper += n.upper;
        all.inside += n.inside;
        all.opening += n.opening;
    }
    if (cases.citations() > 0) log_info("{} lines that are references are left out", cases.citations());
    if (cases.without_blanks() > cases.words()) {
        log_warning(
            "most of the corpus is written without blanks between words, in which no word can be told from the "
            "next: what is found is of the rest alone");
    }
    if (static_cast<double>(all.upper) > kShouted * static_cast<double>(all.total())) {
        log_warning(
            "most of the corpus is in capitals, which then say nothing: hardly any name can be told from a word");
    } else if (all.capital() == 0) {
        log_warning("the corpus has no capitals: names cannot be told from other words");
    } else if (english_share(cases, english) < 0.5) {
        log_warning(
            "the corpus does not look like English ({:.0f} % of its words in lower case are): names are told by "
            "capitals alone, and a language that capitalises its nouns will have them all proposed",
            100 * english_share(cases, english));
    }
}

// Decisions by term: the earlier review's, then the request's.
std::map<std::string, ReviewedTerm> decided_terms(const FindRequest& request, const ReviewedTerms& earlier) {
    std::map<std::string, ReviewedTerm> decided;
    for (const ReviewedTerm& term : earlier.terms) decided[term.term] = term;
    const auto decide = [&](const std::vector<std::string>& terms, Decision decision) {
        for (const std::string& term : terms) {
            decided[term].term = term;
            decided[term].decision = decision;
        }
    };
    decide(request.accept, Decision::kAccepted);
    decide(request.drop, Decision::kDropped);
    decide(request.pin, Decision::kPinned);
    return decided;
}

// Proposals and decided terms as one list; what was only proposed earlier and is not found now is left out.
std::vector<ReviewedTerm> listed_terms(const std::vector<Proposal>& proposals, const FindRequest& request,
                                       std::map<std::string, ReviewedTerm> decided) {
    std::vector<ReviewedTerm> terms;
    for (const Proposal& proposal : proposals) {
        ReviewedTerm term;
        if (const auto known = decided.find(proposal.term); known != decided.end()) {
            term = known->second;
            decided.erase(known);
        }
        term.term = proposal.term;
        term.score = std::round(proposal.score * 10) / 10;
        if (request.accept_rest && term.decision == Decision::kProposed) term.decision = Decision::kAccepted;
        terms.push_back(std::move(term));
    }
    for (auto& [name, term] : decided) {
        if (term.decision == Decision::kProposed) continue;
        term.score = 0;
        terms.push_back(std::move(term));
    }
    std::stable_sort(terms.begin(), terms.end(), [](const ReviewedTerm& a, const ReviewedTerm& b) {
        const bool a_dropped = a.decision == Decision::kDropped, b_dropped = b.decision == Decision::kDropped;
        return a_dropped != b_dropped ? b_dropped : a.score > b.score;
    });
    return terms;
}

// Where counting knows no better than "thing" or "coined word", what entities say.
std::string better_kind(const std::string& kind, const std::map<std::string, std::string>& kinds,
                        const std::string& term) {
    if (kind != "thing" && kind != "coined word") return kind;
    const auto found = kinds.find(run_key(split_words(term)));
    return found == kinds.end() ? kind : found->second;
}

// Counts, forms, examples and kinds of all terms.
void fill_in_contexts(const dist::Comm& comm, const std::vector<std::string_view>& passages,
                      const text::OrdinaryEnglish& english, const TextCounts& entities,
                      std::vector<ReviewedTerm>& terms) {
    Dictionary dictionary;
    std::vector<std::string> names;
    for (const ReviewedTerm& term : terms) {
        dictionary.entries.push_back({term.term, {}});
        names.push_back(term.term);
    }
    MatchRules rules;
    rules.min_characters = 1;
    const TermMatcher matcher(dictionary, rules);
    const auto contexts = over_passages(
        comm, passages, "contexts", std::vector<TermContexts>(names.size()),
        [&](std::string_view passage) { return to_bytes(contexts_of(matcher, names, passage)); },
        [](std::vector<TermContexts>& sum, const std::string& bytes) {
            const std::vector<TermContexts> more = contexts_from_bytes(bytes);
            for (std::size_t i = 0; i < sum.size(); ++i) sum[i].add(more[i]);
        });
    const std::map<std::string, std::string> kinds = entity_kinds(entities);
    for (std::size_t i = 0; i < terms.size(); ++i) {
        ReviewedTerm& term = terms[i];
        term.count = contexts[i].count;
        term.lower_case = contexts[i].lower_case;
        term.forms = by_count(contexts[i].forms);
        term.examples = contexts[i].examples.empty() ? contexts[i].headings : contexts[i].examples;
        // A kind that people corrected is theirs.
        if (term.kind.empty() || term.decision == Decision::kProposed)
            term.kind = better_kind(kind_of(term.term, contexts[i], english), kinds, term.term);
    }
}

}  // namespace

void FindRequest::check(Problems& problems) const {
    std::set<std::string> seen;
    for (const auto& [option, terms] : {std::pair{"accept", &accept}, {"drop", &drop}, {"pin", &pin}}) {
        for (const std::string& term : *terms) {
            if (blank_or_padded(term)) problems.add("--{} \"{}\": empty, or with white space around it", option, term);
            if (!seen.insert(term).second) problems.add("--{} \"{}\": this term is decided about twice", option, term);
        }
    }
}

ReviewedTerms find_terms(const dist::Comm& comm, const std::vector<std::string>& documents, const FindRequest& request,
                         const ReviewedTerms& earlier) {
    const text::OrdinaryEnglish& english = text::OrdinaryEnglish::instance();
    std::vector<std::string_view> passages;
    for (const std::string& document : documents) {
        for (const std::string_view passage : text::passages(text::own_words(document), kPassageBytes))
            passages.push_back(passage);
    }
    const auto cases = over_passages(
        comm, passages, "words", WordCases{},
        [](std::string_view passage) {
            WordCases mine;
            mine.add(text::read_prose(passage));
            return mine.to_bytes();
        },
        [](WordCases& sum, const std::string& bytes) { sum.add(WordCases::from_bytes(bytes)); });
    if (cases.words() == 0) {
        fail(ErrorKind::kData,
             "the corpus has no words to count: scripts that write no blanks between words, such as Chinese, Japanese "
             "and "
             "Thai, have none that can be told apart");
    }
    if (comm.is_root()) say_what_is_odd(cases, english);
    const auto runs = over_passages(
        comm, passages, "names", RunCounts{},
        [&](std::string_view passage) {
            const text::Prose prose = text::read_prose(passage);
            RunCounts mine;
            for (const NameSpan& span : name_spans(prose, cases, english)) mine.names.add(span_text(prose, span));
            add_word_pairs(prose, english, mine.pairs);
            if (request.entities) mine.entities = request.entities(passage);
            return mine.to_bytes();
        },
        [](RunCounts& sum, const std::string& bytes) { sum.add(RunCounts::from_bytes(bytes)); });

    const std::int64_t least = request.rules.least > 0 ? request.rules.least : least_occurrences(cases.words());
    ReviewedTerms out;
    out.terms = listed_terms(propose(cases, runs, english, request.rules), request, decided_terms(request, earlier));
    fill_in_contexts(comm, passages, english, runs.entities, out.terms);
    // Longer terms have taken most of its occurrences.
    std::erase_if(out.terms,
                  [&](const ReviewedTerm& term) { return term.decision == Decision::kProposed && term.count < least; });
    out.found_by = {{"documents", documents.size()},
                    {"words", cases.words()},
                    {"corpus_digest", text::documents_digest(documents)},
                    {"least", least},
                    {"words_in_lower_case", request.rules.words},
                    {"version", NEPENTHE_VERSION}};
    if (request.entities) out.found_by["entities"] = request.entities_by;
    return out;
}

}  // namespace nepenthe::unlearn
