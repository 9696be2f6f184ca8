// The file of `anchors find`: what it says comes back, what is wrong in it is named, and a dictionary is made of it.

#include "unlearn/anchors/reviewed_terms.h"

#include "expected_errors.h"
#include "unlearn/anchors/dictionary.h"
#include "unlearn/anchors/dictionary_check.h"

#include <gtest/gtest.h>

namespace nepenthe::unlearn {
namespace {

using testing::expect_contains;
using testing::message_of;

constexpr std::string_view kHead = R"({"format": "nepenthe anchors", "format_version": 1, "terms": [)";

std::string file(std::string_view terms) { return std::string(kHead) + std::string(terms) + "]}"; }
std::string refusal(std::string_view terms) {
    return message_of(ErrorKind::kData, [&] { parse_reviewed_terms(file(terms), "a.json"); });
}

TEST(ReviewedTerms, ComeBackAsTheyWere) {
    ReviewedTerms terms;
    terms.found_by = {{"words", 7}};
    terms.terms.push_back({"Wendy \"W\"",
                           Decision::kPinned,
                           "person",
                           {"Ann", "Eve"},
                           3,
                           1,
                           12.5,
                           {{"Wendy", 2}, {"wendy", 1}},
                           {"so | Wendy said"},
                           "mine"});
    terms.terms.push_back({"Hook", Decision::kDropped, "", {}, 0, 0, 0, {}, {}, ""});
    const ReviewedTerms again = parse_reviewed_terms(terms.to_text(), "again");
    EXPECT_EQ(again.to_text(), terms.to_text());
    EXPECT_EQ(again.found_by, terms.found_by);
    ASSERT_NE(again.find("Hook"), nullptr);
    EXPECT_EQ(again.find("Wendy \"W\"")->forms, terms.terms[0].forms);
    EXPECT_EQ(again.count(Decision::kPinned), 1);
    expect_contains(terms.to_table(), "so \\| Wendy said");
}

TEST(ReviewedTerms, NeedNothingButTermAndDecision) {
    const ReviewedTerms terms = parse_reviewed_terms(file(R"({"term": "Hook", "decision": "accepted"})"), "a.json");
    EXPECT_EQ(terms.terms[0].decision, Decision::kAccepted);
    EXPECT_TRUE(terms.terms[0].replacements.empty());
}

TEST(ReviewedTerms, SayEverythingThatIsWrong) {
    const std::string all = refusal(R"({"term": " Hook", "decision": "accepted"}, {"term": "A", "decision": "perhaps"},
        {"term": "B", "decision": "dropped", "kind": "animal", "count": -1, "forms": [3], "replacement": []},
        {"term": "B", "decision": "dropped", "replacements": [""]}, 7)");
    for (const char* part : {"term 1", "white space", "\"perhaps\"", "\"animal\" is no kind", "\"count\"", "\"forms\"",
                             "did you mean \"replacements\"", "comes twice", "a replacement is empty", "term 5"})
        expect_contains(all, part);
}

TEST(ReviewedTerms, AreOfThisFormatAndVersion) {
    const auto refused = [](std::string_view text) {
        return message_of(ErrorKind::kData, [&] { parse_reviewed_terms(text, "a.json"); });
    };
    expect_contains(refused(R"({"Hook": ["Smith"]})"), "not a file of `anchors find`");
    expect_contains(refused(R"({"format": "nepenthe anchors", "format_version": 2, "terms": []})"), "format_version 1");
    expect_contains(refused(R"({"format": "nepenthe anchors", "format_version": 1})"), "\"terms\"");
}

TEST(ReviewedTerms, AreADictionaryOnceTheyHaveReplacements) {
    const std::string text = file(R"({"term": "Oz", "decision": "accepted", "replacements": ["Zo"]},
        {"term": "Hat", "decision": "proposed", "replacements": ["Cap"]}, {"term": "Off", "decision": "dropped"},
        {"term": "Oz of Oz", "decision": "pinned"})");
    expect_contains(message_of(ErrorKind::kData, [&] { parse_dictionary(text, "a.json"); }),
                    "1 of 2 accepted terms have no replacement yet: Oz of Oz");
    const Dictionary dictionary = parse_dictionary(text, "a.json", Unfinished::kKept);
    ASSERT_EQ(dictionary.entries.size(), 2u);
    EXPECT_EQ(dictionary.entries[0].term, "Oz of Oz");  // longer ones first: no term hides another
    const DictionaryReport report = check_dictionary(dictionary, nullptr, nullptr);
    EXPECT_EQ(report.count(Finding::kNoReplacement), 1);
    expect_contains(report.to_text(), "no replacement yet");
    expect_contains(message_of(ErrorKind::kData,
                               [&] { parse_dictionary(file(R"({"term": "Hat", "decision": "proposed"})"), "a"); }),
                    "none of its 1 terms is accepted");
}

}  // namespace
}  // namespace nepenthe::unlearn
