// Dictionaries: reading, refusing, pruning and the audit; the published dictionary's counts.

#include "unlearn/anchors/dictionary.h"

#include "base/error.h"
#include "io/text.h"
#include "material.h"
#include "published_data.h"
#include "text/tokenizer.h"
#include "unlearn/anchors/dictionary_check.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace nepenthe::unlearn {
namespace {

std::string refusal(std::string_view text) {
    try {
        parse_dictionary(text, "test.json");
    } catch (const Error& error) {
        EXPECT_EQ(error.kind(), ErrorKind::kData);
        return error.what();
    }
    return "";
}

TEST(Dictionary, KeepsTheFileOrderAndDistinctReplacements) {
    const Dictionary dictionary = parse_dictionary(R"({"Zoe": ["Ann", "Eve", "Ann"], "Abel": ["Max"]})", "test.json");
    ASSERT_EQ(dictionary.entries.size(), 2u);
    EXPECT_EQ(dictionary.entries[0].term, "Zoe");
    EXPECT_EQ(dictionary.entries[0].replacements, (std::vector<std::string>{"Ann", "Eve"}));
    EXPECT_EQ(dictionary.entries[1].term, "Abel");
    EXPECT_EQ(parse_dictionary(dictionary.to_text(), "again").digest(), dictionary.digest());
    const Dictionary swapped = parse_dictionary(R"({"Abel": ["Max"], "Zoe": ["Ann", "Eve"]})", "test.json");
    EXPECT_NE(swapped.digest(), dictionary.digest());
}

TEST(Dictionary, RefusesWhatItIsNot) {
    EXPECT_NE(refusal("Harry: Jon").find("test.json"), std::string::npos);
    EXPECT_NE(refusal("[\"Harry\"]").find("object"), std::string::npos);
    EXPECT_NE(refusal("{}").find("no terms"), std::string::npos);
    EXPECT_NE(refusal(R"({"Harry": ["Jon"], "Harry": ["Tom"]})").find("duplicate"), std::string::npos);
    EXPECT_NE(refusal(R"({"Harry": [["Jon"]]})").find("not a string"), std::string::npos);
    EXPECT_NE(refusal(R"({"Harry": "Jon"})").find("list of replacements"), std::string::npos);
    EXPECT_NE(refusal(R"({"Harry": [[[[["Jon"]]]]]})").find("nested"), std::string::npos);
}

TEST(Dictionary, ListsAllBadTermsAtOnce) {
    const std::string message = refusal(R"({"Harry": [], "Ron": ["Tom", " "], " Lee": ["Max"], "Ok": ["Fine"]})");
    EXPECT_NE(message.find("\"Harry\" has an empty list"), std::string::npos) << message;
    EXPECT_NE(message.find("\"Ron\" has an empty replacement"), std::string::npos) << message;
    EXPECT_NE(message.find("\" Lee\" is empty or has white space"), std::string::npos) << message;
    EXPECT_EQ(message.find("\"Ok\""), std::string::npos) << message;
}

TEST(Dictionary, PrunesPossessivesAndComposedTerms) {
    const Dictionary dictionary = parse_dictionary(
        R"({"Harry": ["Jon"], "Harry's": ["Jon's"], "Potter": ["Smith"], "Harry Potter": ["Jon Smith"],
            "Potter's Wheel": ["Mill"], "Ron's": ["Tom's"]})",
        "test.json");
    std::vector<std::string> dropped;
    const Dictionary kept = prune(dictionary, &dropped);
    EXPECT_EQ(dropped, (std::vector<std::string>{"Harry's", "Harry Potter"}));
    EXPECT_EQ(kept.entries.size(), 4u);
}

TEST(DictionaryCheck, FindsEveryKindOfRisk) {
    const Dictionary dictionary = parse_dictionary(
        R"({"Ron": ["Tom"], "Ron Weasley": ["The Fox"], "broom": ["stick"], "Broom": ["Stick"], "F": ["G"],
            "Same": ["Same"], "Nowhere": ["Elsewhere"]})",
        "test.json");
    const std::vector<std::string> documents{"Ron took the BROOM. F. Ron Weasley is the Same; ron\n"};
    const DictionaryReport report = check_dictionary(dictionary, nullptr, &documents);
    EXPECT_EQ(report.count(Finding::kUnreachable), 1);
    EXPECT_EQ(report.count(Finding::kOrdinaryWord), 1);
    EXPECT_EQ(report.count(Finding::kCaseTwin), 2);
    EXPECT_EQ(report.count(Finding::kIdentity), 1);
    EXPECT_EQ(report.count(Finding::kSingleLetter), 1);
    EXPECT_EQ(report.count(Finding::kTooShort), 1);
    EXPECT_EQ(report.count(Finding::kArticleFirst), 1);
    EXPECT_EQ(report.count(Finding::kNoHit), 3);  // "Broom" (its capitals go to "broom"), "F" and "Nowhere"
    EXPECT_EQ(report.terms[0].hits, 2);
    EXPECT_EQ(report.terms[0].other_casing, 1);
    EXPECT_NE(report.to_text().find("unreachable (published rules): Ron"), std::string::npos);
    EXPECT_EQ(report.to_json()["findings"]["case twin"], 2);
}

// The form in which the dictionary of Who's Harry Potter circulates: how often each replacement was proposed.
TEST(DictionaryCheck, ReadsProposalsWithTheirCounts) {
    const Dictionary counted = read_dictionary(nepenthe::testing::kMaterial / "unlearning/whp/anchor_terms.json");
    const Dictionary plain = read_dictionary(NEPENTHE_SOURCE_DIR "/inputs/demo/dictionary.json");
    ASSERT_EQ(counted.entries.size(), plain.entries.size());
    for (std::size_t i = 0; i < plain.entries.size(); ++i) {
        EXPECT_EQ(counted.entries[i].term, plain.entries[i].term);
        EXPECT_EQ(counted.entries[i].replacements.size(), plain.entries[i].replacements.size())
            << plain.entries[i].term;
    }
    const auto tokenizer = text::Tokenizer::load(nepenthe::testing::kMaterial / "tokenizers/llama2");
    const std::vector<std::string> novel = {io::read_text(nepenthe::testing::kNovel)};
    const DictionaryReport report = check_dictionary(counted, &tokenizer, &novel);
    EXPECT_EQ(report.count(Finding::kIdentity), 0);
    EXPECT_GT(report.count(Finding::kOrdinaryWord), 0);
    std::int64_t hits = 0;
    for (const auto& term : report.terms) hits += term.hits;
    EXPECT_GT(hits, 1000);
}

// specs: unlearning.md §2.2. The file that circulates has 1,708 terms (an earlier consolidation had 1,676, 1,599 after
// pruning); both rules drop about 80, and the measured hazards are of the same size.
TEST(PublishedDictionary, HasTheHazardsThatWereMeasured) {
    const std::filesystem::path data = nepenthe::testing::published_data();
    const Dictionary dictionary = read_dictionary(data / "unlearning/whp/anchor_terms.json");
    ASSERT_EQ(dictionary.entries.size(), 1708u);
    EXPECT_EQ(dictionary.entries.front().term, "Harry");
    EXPECT_EQ(dictionary.entries.back().term, "Britain");
    const Dictionary pruned = prune(dictionary);
    EXPECT_EQ(pruned.entries.size(), 1628u);
    std::size_t several = 0, most = 0;
    for (const DictionaryEntry& entry : pruned.entries) {
        several += entry.replacements.size() > 1;
        most = std::max(most, entry.replacements.size());
    }
    EXPECT_EQ(several, 464u);  // the specification measured 462
    EXPECT_EQ(most, 44u);      // Dumbledore
    const auto tokenizer = text::Tokenizer::load(data / "tokenizers/llama2");
    const DictionaryReport report = check_dictionary(pruned, &tokenizer, nullptr);
    EXPECT_EQ(report.count(Finding::kIdentity), 2);
    EXPECT_EQ(report.count(Finding::kSingleLetter), 3);
    EXPECT_EQ(report.count(Finding::kPossessive), 0);
    EXPECT_EQ(report.count(Finding::kWordsAreTerms), 0);
    EXPECT_NEAR(static_cast<double>(report.count(Finding::kOrdinaryWord)), 247, 30);
    // The specification counts whole words (69); on tokens, "broomstick" is hidden by "broom" as well.
    const DictionaryReport by_words = check_dictionary(pruned, nullptr, nullptr);
    EXPECT_EQ(by_words.count(Finding::kUnreachable), 68);
    EXPECT_GT(report.count(Finding::kUnreachable), 68);
}

TEST(Dictionary, ShippedOnesAreSound) {
    for (const char* name : {"harry-potter-book-1", "harry-potter-series", "lord-of-the-rings", "planets"}) {
        const Dictionary dictionary =
            read_dictionary(std::string(NEPENTHE_SOURCE_DIR "/inputs/dictionaries/") + name + ".json");
        const DictionaryReport report = check_dictionary(dictionary, nullptr, nullptr);
        EXPECT_EQ(report.count(Finding::kIdentity) + report.count(Finding::kCaseTwin), 0) << name;
        EXPECT_EQ(prune(dictionary).entries.size(), dictionary.entries.size()) << name;
    }
}

}  // namespace
}  // namespace nepenthe::unlearn
