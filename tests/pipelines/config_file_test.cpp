#include "pipelines/config_file.h"

#include "base/error.h"

#include <gtest/gtest.h>

namespace nepenthe::pipelines {
namespace {

std::string refusal_of_file(std::string_view text) {
    try {
        parse_config(text, "site.ini");
    } catch (const Error& error) {
        EXPECT_EQ(error.kind(), ErrorKind::kUsage);
        return error.what();
    }
    return "";
}

TEST(ConfigFile, SectionsAndValuesAreReadAsTheyStand) {
    const auto entries = parse_config(
        "top.lr = 1\n\n# note\n; note\n[train]\r\n lr=1e-5 \r\ncorpus = a # b,c=d\nprompt =\n [ edit ] \nx=y", "f");
    ASSERT_EQ(entries.size(), 5u);
    EXPECT_EQ(entries[0].section + "|" + entries[0].key + "|" + entries[0].value, "top|lr|1");
    EXPECT_EQ(entries[1].section + "|" + entries[1].key + "|" + entries[1].value, "train|lr|1e-5");
    EXPECT_EQ(entries[1].line, 6u);
    // No part of a value is taken for a comment: it may be a path.
    EXPECT_EQ(entries[2].value, "a # b,c=d");
    EXPECT_EQ(entries[3].value, "");
    EXPECT_EQ(entries[4].section, "edit");
}

TEST(ConfigFile, EveryLineThatCannotBeReadIsNamed) {
    const std::string text = refusal_of_file("lr = 1\n[train\nlr\n[]\n= 3\n");
    for (const char* part : {"site.ini", "line 1", "no section", "line 2", "line 3", "line 4", "line 5"})
        EXPECT_NE(text.find(part), std::string::npos) << text;
    EXPECT_TRUE(parse_config("", "f").empty());
}

}  // namespace
}  // namespace nepenthe::pipelines
