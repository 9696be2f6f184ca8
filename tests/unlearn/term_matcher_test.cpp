#include "unlearn/anchors/term_matcher.h"

#include <gtest/gtest.h>

namespace nepenthe::unlearn {
namespace {

std::vector<std::string> found(const std::string& dictionary, const std::string& text, MatchRules rules = {}) {
    const Dictionary parsed = parse_dictionary(dictionary, "test");
    std::vector<std::string> out;
    for (const TermMatch& match : TermMatcher(parsed, rules).find_all(text)) {
        out.push_back(text.substr(match.begin, match.end - match.begin));
    }
    return out;
}

using Found = std::vector<std::string>;

TEST(TermMatcher, WordBoundariesOnBothSides) {
    EXPECT_EQ(found(R"({"Ron": ["Tom"]})", "Ron's (Ron) \"Ron\" Ron-like Ronald aRon my_Ron_x Ron9 Ron\xC3\xA9 Ron"),
              (Found{"Ron", "Ron", "Ron", "Ron", "Ron"}));
}

TEST(TermMatcher, LongestFirstAndNoOverlap) {
    EXPECT_EQ(
        found(R"({"Tin": ["Iron"], "Tin Woodman": ["Smith"], "Woodman's axe": ["saw"]})", "Tin Woodman's axe and Tin"),
        (Found{"Tin Woodman", "Tin"}));
}

TEST(TermMatcher, CasingsAndTheirReplacements) {
    const std::string dictionary = R"({"frothy Ale": ["Sweet beer"]})";
    const std::string text = "frothy Ale, frothy ale, FROTHY ALE, Frothy Ale, fRothy ale";
    EXPECT_EQ(found(dictionary, text), (Found{"frothy Ale", "frothy ale", "FROTHY ALE", "Frothy Ale"}));
    EXPECT_EQ(found(dictionary, text, {.casings = false}), (Found{"frothy Ale"}));
    EXPECT_EQ(apply_casing("Sweet b\u00e9er", Casing::kUpper), "SWEET B\u00c9ER");
    EXPECT_EQ(apply_casing("Sweet beer", Casing::kLower), "sweet beer");
    EXPECT_EQ(apply_casing("sweet McBeer", Casing::kTitle), "Sweet McBeer");
    EXPECT_EQ(apply_casing("sweet Beer", Casing::kAsGiven), "sweet Beer");
}

TEST(TermMatcher, TermsAsGivenComeBeforeOtherCasings) {
    const Dictionary dictionary = parse_dictionary(R"({"Muggle": ["Layman"], "muggle": ["plain"]})", "test");
    const auto matches = TermMatcher(dictionary, {}).find_all("muggle Muggle MUGGLE");
    ASSERT_EQ(matches.size(), 3u);
    EXPECT_EQ(matches[0].term, 1u);
    EXPECT_EQ(matches[1].term, 0u);
    EXPECT_EQ(matches[2].term, 0u);
}

TEST(TermMatcher, WhiteSpaceAndApostrophesOfRealText) {
    const std::string dictionary = R"({"Sorcerer's Stone": ["Gem"]})";
    EXPECT_EQ(found(dictionary, "Sorcerer's  Stone; Sorcerer\u2019s\nStone; Sorcerer's \n Stone; Sorcerer's\n\nStone"),
              (Found{"Sorcerer's  Stone", "Sorcerer\u2019s\nStone", "Sorcerer's \n Stone"}));
}

TEST(TermMatcher, OtherScripts) {
    EXPECT_EQ(found(R"({"Гарри": ["Иван"]})", "Гарри и гарри, ГАРРИ. Гаррисон"), (Found{"Гарри", "гарри", "ГАРРИ"}));
}

}  // namespace
}  // namespace nepenthe::unlearn
