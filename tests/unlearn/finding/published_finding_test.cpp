// Recall and precision on three novels and on articles about the planets, against hand-made lists (lists/*.json): 40
// anchors a text that any reader would name, and a judgement of each term that was proposed.

#include "base/json.h"
#include "expected_errors.h"
#include "io/file.h"
#include "io/text.h"
#include "mpi_world.h"
#include "published_data.h"
#include "text/letters.h"
#include "unlearn/anchors/dictionary.h"
#include "unlearn/anchors/term_matcher.h"
#include "unlearn/finding/find_terms.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>

namespace nepenthe::unlearn {
namespace {

struct Case {
    const char* list;
    const char* texts;  // below the folder of published data
};

// Proposed terms take in every word of `anchor` but articles and "of".
bool is_found(const TermMatcher& matcher, const std::string& anchor) {
    std::string rest = anchor;
    for (const TermMatch& match : matcher.find_all(anchor)) {
        std::fill(rest.begin() + match.begin, rest.begin() + match.end, ' ');
    }
    for (std::size_t at = 0; at < rest.size();) {
        const std::size_t end = std::min(rest.find(' ', at), rest.size());
        const std::string word = text::to_lower(rest.substr(at, end - at));
        if (!word.empty() && word != "the" && word != "of") return false;
        at = end + 1;
    }
    return true;
}

class PublishedFinding : public ::testing::TestWithParam<Case> {};

TEST_P(PublishedFinding, RecallAndPrecision) {
    const auto folder = std::filesystem::path(NEPENTHE_SOURCE_DIR) / "tests/unlearn/finding/lists";
    const std::string file = std::string(GetParam().list) + ".json";
    const Json lists = parse_json(io::read_file(folder / file), file);
    std::vector<std::filesystem::path> files{testing::published_data() / GetParam().texts};
    if (std::filesystem::is_directory(files.front())) {
        const std::filesystem::path articles = files.front();
        files.clear();
        for (const auto& entry : std::filesystem::directory_iterator(articles)) {
            if (entry.path().filename() != "SOURCE.txt") files.push_back(entry.path());
        }
        std::sort(files.begin(), files.end());
    }
    const auto texts = io::read_documents(files).texts;
    const ReviewedTerms terms = find_terms(*testing::world, texts, {}, {});

    Dictionary proposed;
    for (const ReviewedTerm& term : terms.terms) proposed.entries.push_back({term.term, {}});
    MatchRules rules;
    rules.min_characters = 1;
    const TermMatcher matcher(proposed, rules);
    std::string missing, wrong, unjudged;
    std::size_t found = 0, right = 0;
    for (const Json& anchor : lists.at("obvious")) {
        const bool is = is_found(matcher, anchor.get<std::string>());
        found += is;
        if (!is) missing += anchor.get<std::string>() + "; ";
    }
    const auto holds = [&](const char* list, const std::string& term) {
        return std::find(lists.at(list).begin(), lists.at(list).end(), Json(term)) != lists.at(list).end();
    };
    for (const ReviewedTerm& term : terms.terms) {
        const bool good = holds("right", term.term), bad = holds("wrong", term.term);
        EXPECT_FALSE(good && bad) << term.term;
        right += good;
        if (bad) wrong += term.term + "; ";
        if (!good && !bad) unjudged += term.term + "; ";
    }
    ASSERT_EQ(lists.at("obvious").size(), 40u);
    const double recall = static_cast<double>(found) / 40;
    const double precision = static_cast<double>(right) / static_cast<double>(terms.terms.size());
    if (testing::world->is_root())
        std::printf("%s: %zu terms, recall %.3f (missing: %s), precision %.3f (wrong: %s)\n", GetParam().list,
                    terms.terms.size(), recall, missing.c_str(), precision, wrong.c_str());
    EXPECT_GE(recall, 0.95) << missing;
    EXPECT_GE(precision, 0.8) << "not judged, counted as wrong: " << unjudged;
    EXPECT_EQ(unjudged, "") << "judge these in lists/" << file;
}

INSTANTIATE_TEST_SUITE_P(, PublishedFinding,
                         ::testing::Values(Case{"wizard-of-oz", "text/gutenberg/wizard-of-oz.txt"},
                                           Case{"alice", "text/gutenberg/alice.txt"},
                                           Case{"peter-pan", "text/gutenberg/peter-pan.txt"},
                                           Case{"planets", "text/planets"}),
                         [](const auto& tested) {
                             std::string name = tested.param.list;
                             std::replace(name.begin(), name.end(), '-', '_');
                             return name;
                         });

}  // namespace
}  // namespace nepenthe::unlearn
