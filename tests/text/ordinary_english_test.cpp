// The table of ordinary English: how it is read, and that the one we carry knows what English is.

#include "text/ordinary_english.h"

#include "expected_errors.h"

#include <gtest/gtest.h>

namespace nepenthe::text {
namespace {

TEST(OrdinaryEnglish, ReadsItsTable) {
    const OrdinaryEnglish english("# a remark\ntotal 1000\nk0p king kings\n39l oz\n20- run\n10t hole rabbit\n");
    EXPECT_EQ(english.total(), 1000);
    EXPECT_DOUBLE_EQ(english.find("king").count, 1024);
    EXPECT_EQ(english.find("kings").kind, NounKind::kPerson);
    EXPECT_DOUBLE_EQ(english.find("oz").capital_share, 1);
    EXPECT_EQ(english.find("none").count, 0);
    EXPECT_TRUE(english.knows("running"));
    EXPECT_TRUE(english.knows("rabbit-hole"));
    EXPECT_TRUE(english.knows("holes"));
    EXPECT_FALSE(english.knows("jabberwock"));
    EXPECT_EQ(english.noun_kind("rabbit-hole"), NounKind::kThing);
    EXPECT_EQ(english.noun_kind("holes"), NounKind::kThing);
    EXPECT_EQ(english.noun_kind("run"), NounKind::kNone);
    EXPECT_FALSE(english.is_concrete_noun("run"));
}

TEST(OrdinaryEnglish, RefusesAnotherTable) {
    testing::expect_contains(testing::message_of(ErrorKind::kInternal, [] { OrdinaryEnglish("total 3\nkk king\n"); }),
                             "line 2");
    testing::message_of(ErrorKind::kInternal, [] { OrdinaryEnglish("k0p king\n"); });
    testing::message_of(ErrorKind::kInternal, [] { OrdinaryEnglish(""); });
}

TEST(OrdinaryEnglish, OurTableKnowsEnglish) {
    const OrdinaryEnglish& english = OrdinaryEnglish::instance();
    EXPECT_GT(english.total(), 2e6);
    EXPECT_GT(english.find("the").count, 0.02 * english.total());
    EXPECT_GT(english.find("the").count, english.find("table").count);
    for (const char* word : {"said", "walked", "happiness", "unhappily", "wriggled", "isn't", "grandmothers"})
        EXPECT_TRUE(english.knows(word)) << word;
    for (const char* word : {"dursley", "jabberwock", "quelala", "gryffindor"})
        EXPECT_FALSE(english.knows(word)) << word;
    EXPECT_GT(english.find("london").capital_share, 0.9);
    EXPECT_LT(english.find("lion").capital_share, 0.3);
    EXPECT_EQ(english.noun_kind("castles"), NounKind::kPlace);
    EXPECT_EQ(english.noun_kind("wolves"), NounKind::kAnimal);
    EXPECT_EQ(english.noun_kind("pirate"), NounKind::kPerson);
    // Names that one or two novels are about are not ordinary: Darcy, Ahab, Knightley.
    for (const char* word : {"darcy", "ahab", "knightley"}) EXPECT_LT(english.find(word).count, 3) << word;
}

}  // namespace
}  // namespace nepenthe::text
