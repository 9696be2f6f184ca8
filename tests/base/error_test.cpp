#include "base/error.h"

#include "base/tree_sum.h"

#include <gtest/gtest.h>

namespace nepenthe {
namespace {

TEST(Error, KeepsKindAndGrowsContext) {
    const Error error(ErrorKind::kData, "line 3: no subject");
    EXPECT_EQ(error.exit_code(), 65);
    EXPECT_STREQ(error.with_context("facts.jsonl").what(), "facts.jsonl: line 3: no subject");
    EXPECT_EQ(error.with_context("x").kind(), ErrorKind::kData);
}

TEST(Problems, ListsAllOfThem) {
    Problems problems;
    EXPECT_NO_THROW(problems.throw_if_any(ErrorKind::kUsage, "options"));
    problems.add("lr must be positive, is {}", -1);
    problems.add("epochs must be at least 1");
    try {
        problems.throw_if_any(ErrorKind::kUsage, "options");
        FAIL();
    } catch (const Error& error) {
        const std::string text = error.what();
        EXPECT_NE(text.find("lr must be positive, is -1"), std::string::npos);
        EXPECT_NE(text.find("epochs must be at least 1"), std::string::npos);
    }
}

TEST(TreeSum, IsAFixedTree) {
    const std::vector<double> parts{1e16, 1.0, -1e16, 1.0};
    EXPECT_EQ(tree_sum(parts), (1e16 + 1.0) + (-1e16 + 1.0));
    EXPECT_EQ(tree_sum({}), 0.0);
}

}  // namespace
}  // namespace nepenthe
