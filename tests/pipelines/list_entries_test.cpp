#include "pipelines/list_entries.h"

#include "temporary_folder.h"

#include <gtest/gtest.h>

namespace nepenthe::pipelines {
namespace {

using Strings = std::vector<std::string>;

std::string refusal(const std::string& word) {
    try {
        list_entries(word);
    } catch (const std::string& reason) {
        return reason;
    }
    return "";
}

// "NAME→PATH" of each entry.
Strings named(const std::string& word, const std::filesystem::path& base = {}) {
    Strings texts;
    for (const NamedPath& entry : named_paths(word, base)) texts.push_back(entry.name + "→" + entry.path.string());
    return texts;
}

TEST(ListEntries, CommasSeparateUnlessQuoted) {
    EXPECT_EQ(list_entries("a"), (Strings{"a"}));
    EXPECT_EQ(list_entries("a,b c,d"), (Strings{"a", "b c", "d"}));
    EXPECT_EQ(list_entries("\"a,b\",c"), (Strings{"a,b", "c"}));
    EXPECT_EQ(list_entries("x=\"a,b\",c"), (Strings{"x=a,b", "c"}));
    EXPECT_EQ(list_entries("\"say \"\"a,b\"\"\""), (Strings{"say \"a,b\""}));
    // A quote in the middle is one like any letter.
    EXPECT_EQ(list_entries("5\" disk,b=c=\"d"), (Strings{"5\" disk", "b=c=\"d"}));
}

TEST(ListEntries, EmptyEntriesAndOpenQuotesAreRefused) {
    for (const char* word : {"", ",", "a,", ",a", "a,,b", "\"\"", "a,\"\""}) EXPECT_NE(refusal(word), "") << word;
    EXPECT_NE(refusal("\"a,b"), "");
    EXPECT_NE(refusal("x=\"a"), "");
    EXPECT_NE(refusal("\"a\"b,c"), "");
}

TEST(ListEntries, ANameStandsBeforeTheFirstEqualsSign) {
    EXPECT_EQ(named("m=runs/a"), (Strings{"m→runs/a"}));
    EXPECT_EQ(named("runs/a,b=c"), (Strings{"a→runs/a", "b→c"}));
    EXPECT_EQ(named("m=lr=1e-5/model"), (Strings{"m→lr=1e-5/model"}));
    EXPECT_EQ(named("m=\"lr=1e-5,bs=8/model\",n=x"), (Strings{"m→lr=1e-5,bs=8/model", "n→x"}));
    // A slash before the sign: a path without a name.
    EXPECT_EQ(named("./lr=1e-5/model"), (Strings{"model→./lr=1e-5/model"}));
    EXPECT_EQ(named("\"lr=1e-5,bs=8\""), (Strings{"lr=1e-5,bs=8→lr=1e-5,bs=8"}));
    EXPECT_EQ(named("runs/a/"), (Strings{"a→runs/a/"}));
    for (const char* word : {"=a", "m=", "a,=b", "m=\"\""}) EXPECT_THROW(named_paths(word, {}), std::string) << word;
}

TEST(ListEntries, WhatExistsIsOneEntry) {
    const testing::TemporaryFolder folder;
    const auto& base = folder.path();
    std::filesystem::create_directories(base / "lr=1e-5,bs=8/model");
    std::filesystem::create_directories(base / "a,b");
    const std::string model = (base / "lr=1e-5,bs=8/model").string();
    EXPECT_EQ(named("m=lr=1e-5,bs=8/model", base), (Strings{"m→" + model}));
    EXPECT_EQ(named("lr=1e-5,bs=8/model", base), (Strings{"model→" + model}));
    EXPECT_EQ(named("m=" + model), (Strings{"m→" + model}));
    EXPECT_EQ(path_entries("a,b", base), (std::vector<std::filesystem::path>{base / "a,b"}));
    EXPECT_EQ(path_entries("a,c", base), (std::vector<std::filesystem::path>{base / "a", base / "c"}));
    EXPECT_EQ(path_entries("\"a,b\",c", base), (std::vector<std::filesystem::path>{base / "a,b", base / "c"}));
    // The working folder has a name of its own.
    EXPECT_EQ(named_paths(".", base / "a,b").front().name, "a,b");
}

TEST(ListEntries, QuotedEntriesComeBackAsTheyAre) {
    for (const char* entry : {"a", "a,b", "m=a,b", "say \"x\"", "\"", "m=\"", "a/b=c,d", "m=a=b,\"c\""}) {
        EXPECT_EQ(list_entries(quoted_entry(entry)), (Strings{entry})) << quoted_entry(entry);
    }
    EXPECT_EQ(named(quoted_entry("m=x/a,b")), (Strings{"m→x/a,b"}));
    EXPECT_EQ(named(quoted_entry("x/a,b=c")), (Strings{"a,b=c→x/a,b=c"}));
}

}  // namespace
}  // namespace nepenthe::pipelines
