#include "text/regex.h"

#include "base/error.h"

#include <gtest/gtest.h>

namespace nepenthe::text {
namespace {

std::vector<std::string> matches(std::string_view pattern, std::string_view text) {
    std::vector<TextRange> ranges;
    WorkBudget budget(text.size());
    Regex(pattern).find_all(text, ranges, budget);
    std::vector<std::string> found;
    for (const TextRange range : ranges) found.emplace_back(text.substr(range.begin, range.end - range.begin));
    return found;
}

using Strings = std::vector<std::string>;

TEST(Regex, ReadsThePatternsOfPublishedTokenizers) {
    EXPECT_EQ(matches(R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)", "I've  12 é!\n"),
              (Strings{"I", "'ve", " ", " 12", " é", "!", "\n"}));
    EXPECT_EQ(
        matches(R"((?i:'s|'t|'re)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}|\s*[\r\n]+|\s+(?!\S)|\s+)", "IT'S\r\n 12345"),
        (Strings{"IT", "'S", "\r\n", " ", "123", "45"}));
}

TEST(Regex, SpacesAreUnicodesWhiteSpace) {
    // Mongolian vowel separator and zero-width space are none.
    EXPECT_EQ(matches(R"(\s)", "a\u180Eb\u200Bc\u3000d\u0085e\x1C").size(), 2u);
    EXPECT_EQ(matches(R"([^\S\n]+)", " \t\n "), (Strings{" \t", " "}));
    EXPECT_EQ(matches(R"(\S+)", "a\u180E b"), (Strings{"a\u180E", "b"}));
}

TEST(Regex, KnowsLettersThatAreNewerThanTheLibrary) {
    EXPECT_EQ(matches(R"(\p{L}+)", "x\U000105C0\U00031350y").size(), 1u);
    EXPECT_EQ(matches(R"([^\p{Lo}]+)", "x\U000105C0y"), (Strings{"x", "y"}));
    EXPECT_EQ(matches(R"(\P{N}+)", "a\U00010D40b"), (Strings{"a", "b"}));
    EXPECT_EQ(matches(R"(\p{^N}+)", "a7b"), (Strings{"a", "b"}));
}

TEST(Regex, StepsOverEmptyMatches) { EXPECT_EQ(matches("x*", "axé"), (Strings{"", "x", ""})); }

TEST(Regex, TriesALongRunOfSpacesToItsEnd) {
    const std::string text = std::string(3'000'000, ' ') + "a";
    EXPECT_EQ(matches(R"(\s*[\r\n]+|\s+(?!\S)|\s+|\S+)", text).size(), 3u);
}

// The rest against the package: tests/golden/make_tokenizer_parts.py, "Split class".
TEST(Regex, ReadsClassesWithinClasses) {
    EXPECT_EQ(matches("[a-z&&[^b]]+", "abca"), (Strings{"a", "ca"}));
    EXPECT_EQ(matches("[^a[bc]]", "abcd"), (Strings{"d"}));
    EXPECT_EQ(matches("[[a-c][x-z]&&[b-y]]{2}", "abxyz"), (Strings{"bx"}));
    EXPECT_EQ(matches("(?i)[a-c&&[^b]]", "aBC"), (Strings{"a", "C"}));
    EXPECT_EQ(matches("[a-c--b]", "a-5B"), (Strings{"a", "-", "5", "B"}));
    EXPECT_EQ(matches("[]a]+", "x]a]"), (Strings{"]a]"}));
    EXPECT_EQ(matches("[a&&]", "a&"), Strings{});
}

TEST(Regex, ADeepClassIsRefused) { EXPECT_THROW(Regex(std::string(200, '[') + "a" + std::string(200, ']')), Error); }

// Every step over the whole text counts, not only one match's.
TEST(Regex, GivesUpWhereItTakesTooManySteps) {
    const std::string run(200'000, 'a');
    for (const char* pattern : {"(a|a)*[bc]", "(a*)*[bc]", "(?:a|b|ab)*[cd]", "[a&&[^b]]*[bc]"}) {
        EXPECT_THROW(matches(pattern, run), Error) << pattern;
        EXPECT_THROW(matches(pattern, run.substr(0, 5000)), Error) << pattern;
    }
    // Each match is one step, in which all that follows is looked at.
    std::vector<TextRange> ranges;
    WorkBudget budget(0, 0.1);
    EXPECT_THROW(Regex("a(?=a*+[bc])|a").find_all(run, ranges, budget), Error);
    // A text of many short matches is none of that, and neither is one without any.
    std::string words;
    for (int i = 0; i < 100'000; ++i) words += " word";
    EXPECT_EQ(matches(R"( ?\p{L}+|\s+)", words).size(), 100'000u);
    EXPECT_EQ(matches("x", run).size(), 0u);
    EXPECT_EQ(matches("a$", run).size(), 1u);
}

TEST(Regex, RefusesWhatItWouldReadDifferently) {
    for (const char* pattern : {R"(\w+)", R"(\bfoo)", R"(\X)", R"([[:alpha:]])", R"(\p{Han})", R"(\pL)", R"(a\)", "(",
                                "[a", R"(\p{Greek}x)", R"([\p{L}--[x]])", R"([\p{L}--x])", R"([a--b])", R"([a-\d])",
                                R"([\d-a])", R"([[]])", R"([a-z&&[]])", R"([a-[b]])", R"([\w])"}) {
        try {
            Regex{pattern};
            ADD_FAILURE() << pattern;
        } catch (const Error& error) {
            EXPECT_EQ(error.kind(), ErrorKind::kData);
            EXPECT_NE(std::string(error.what()).find("regular expression"), std::string::npos);
        }
    }
}

}  // namespace
}  // namespace nepenthe::text
