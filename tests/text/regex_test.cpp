#include "text/regex.h"

#include "base/error.h"

#include <gtest/gtest.h>

namespace nepenthe::text {
namespace {

std::vector<std::string> matches(std::string_view pattern, std::string_view text) {
    std::vector<TextRange> ranges;
    Regex(pattern).find_all(text, ranges);
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

TEST(Regex, RefusesWhatItWouldReadDifferently) {
    for (const char* pattern : {R"(\w+)", R"(\bfoo)", R"(\h)", R"([[:alpha:]])", R"([a[bc]])", R"([a&&b])",
                                R"(\p{Han})", R"([\P{L}])", R"(\pL)", R"(a\)", "(", "[a", R"(\p{Greek}x)"}) {
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
