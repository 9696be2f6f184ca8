#include "evaluate/python_strings.h"

#include <gtest/gtest.h>

namespace nepenthe::evaluate {
namespace {

TEST(PythonStrings, WhiteSpaceIsUnicodes) {
    EXPECT_EQ(strip("\u2003 a b\u00A0\n"), "a b");
    EXPECT_EQ(strip_end(" a\u3000"), " a");
    EXPECT_EQ(strip_end("é"), "é");  // a multi-byte letter is not cut
    EXPECT_EQ(strip(" \t\n"), "");
}

TEST(PythonStrings, SplittingKeepsEmptyEnds) {
    EXPECT_EQ(count_split_fields(""), 1);
    EXPECT_EQ(count_split_fields("a b"), 2);
    EXPECT_EQ(count_split_fields(" a  b\u00A0\n"), 4);
}

TEST(PythonStrings, ReplacementsDoNotOverlap) {
    EXPECT_EQ(replace_all("aaaa", "aa", "b"), "bb");
    EXPECT_EQ(replace_all("= = = =", "= =", "=="), "== ==");
    EXPECT_EQ(replace_all("abc", "x", "y"), "abc");
}

TEST(PythonStrings, CapitalizeLowersTheRest) {
    EXPECT_EQ(capitalize("the Old BOY"), "The old boy");
    EXPECT_EQ(capitalize("éTÉ"), "Été");
    EXPECT_EQ(capitalize(""), "");
}

}  // namespace
}  // namespace nepenthe::evaluate
