// Prompts, anchor mentions and the joint text of prompt and continuation.

#include "base/error.h"
#include "evaluate/anchor_mentions.h"
#include "evaluate/familiarity_prompts.h"
#include "material.h"
#include "published_data.h"
#include "temporary_file.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <set>
#include <string>
#include <utility>

namespace nepenthe::evaluate {
namespace {

using testing::TemporaryFile;

TEST(FamiliarityPrompts, OwnAndPublishedForms) {
    const TemporaryFile own(R"({"prompts": [{"prompt": "A", "content": ["b"], "generic": ["c"], "subtlety": 3}]})");
    const auto prompts = read_familiarity_prompts(own.path(), true);
    ASSERT_EQ(prompts.size(), 1u);
    EXPECT_EQ(prompts[0].content, std::vector<std::string>{"b"});
    EXPECT_EQ(prompts[0].subtlety, 3);
    // The form of Who's Harry Potter, of the same prompts as in our own.
    const auto published =
        read_familiarity_prompts(nepenthe::testing::kMaterial / "unlearning/whp/evaluation_prompts.json", false);
    const auto same = read_familiarity_prompts(NEPENTHE_SOURCE_DIR "/inputs/demo/familiarity_completion.json", false);
    ASSERT_EQ(published.size(), same.size());
    for (std::size_t i = 0; i < same.size(); ++i) {
        EXPECT_EQ(published[i].prompt, same[i].prompt);
        EXPECT_EQ(published[i].subtlety, same[i].subtlety);
    }
}

TEST(PublishedFamiliarityPrompts, AreThoseOfWhosHarryPotter) {
    const auto published =
        read_familiarity_prompts(nepenthe::testing::published_data() / "unlearning/whp/evaluation_prompts.json", false);
    EXPECT_EQ(published.size(), 300u);
    EXPECT_EQ(published[0].subtlety, 8);
}

TEST(FamiliarityPrompts, EveryBadPromptIsReported) {
    const TemporaryFile file(
        R"({"prompts": [{"prompt": ""}, {"prompt": "A", "content": []}, 7, {"prompt": "B", "content": [1]}]})");
    try {
        read_familiarity_prompts(file.path(), true);
        FAIL();
    } catch (const Error& error) {
        const std::string text = error.what();
        EXPECT_EQ(error.kind(), ErrorKind::kData);
        for (const char* part :
             {"prompt 1: the prompt is empty", "prompt 2: \"A\" has no \"content\"", "prompt 3:", "prompt 4:"}) {
            EXPECT_NE(text.find(part), std::string::npos) << part << " in " << text;
        }
    }
}

TEST(AnchorMentions, CountsOnlyWhatThePromptDoesNotHold) {
    const AnchorMentions mentions(unlearn::parse_dictionary(
        R"({"Oz": ["x"], "Tin Woodman": ["x"], "Woodman": ["x"], "yellow brick road": ["x"], "Scarecrow": ["x"]})",
        "test"));
    using Terms = std::vector<std::string>;
    EXPECT_EQ(mentions.new_terms("A girl went", "with the Tin Woodman to Oz. Oz!"), (Terms{"Tin Woodman", "Oz"}));
    EXPECT_EQ(mentions.new_terms("The Tin Woodman", "and the Woodman"), Terms{});
    EXPECT_EQ(mentions.new_terms("The Woodman", "called the Tin Woodman"), Terms{"Tin Woodman"});
    EXPECT_EQ(mentions.new_terms("Take", "8 oz of flour, a scarecrow and ozone"), Terms{});
    EXPECT_EQ(mentions.new_terms("Along", "the Yellow Brick\nRoad, the SCARECROW"),
              (Terms{"yellow brick road", "Scarecrow"}));
}

TEST(BookInputs, AreComplete) {
    for (const char* book : {"oz", "alice"}) {
        SCOPED_TRACE(book);
        const std::filesystem::path folder = std::filesystem::path(NEPENTHE_SOURCE_DIR "/inputs") / book;
        const auto probability = read_familiarity_prompts(folder / "familiarity_probability.json", true);
        const auto completion = read_familiarity_prompts(folder / "familiarity_completion.json", false);
        const auto neighbours = read_familiarity_prompts(folder / "neighbours.json", true);
        EXPECT_EQ(probability.size(), 40u);
        EXPECT_EQ(completion.size(), 40u);
        EXPECT_GE(neighbours.size(), 20u);
        for (const auto& prompt : probability) EXPECT_FALSE(prompt.generic.empty()) << prompt.prompt;
        for (const auto& prompt : completion)
            EXPECT_TRUE(prompt.subtlety >= 1 && prompt.subtlety <= 10) << prompt.prompt;
        const auto terms = unlearn::read_dictionary(folder / "dictionary.json").entries;
        EXPECT_GE(terms.size(), 60u);
        EXPECT_LE(terms.size(), 120u);
    }
}

TEST(BookInputs, HeldOutPromptsAreOthers) {
    const std::filesystem::path oz = NEPENTHE_SOURCE_DIR "/inputs/oz";
    std::set<std::string> known;
    for (const char* name : {"familiarity_probability.json", "neighbours.json"})
        for (const auto& prompt : read_familiarity_prompts(oz / name, true)) known.insert(prompt.prompt);
    for (const auto& [name, count] :
         {std::pair{"heldout_probability.json", 30u}, std::pair{"heldout_neighbours.json", 20u}}) {
        const auto prompts = read_familiarity_prompts(oz / name, true);
        EXPECT_EQ(prompts.size(), count);
        for (const auto& prompt : prompts) {
            EXPECT_TRUE(known.insert(prompt.prompt).second) << prompt.prompt;
            EXPECT_FALSE(prompt.generic.empty()) << prompt.prompt;
        }
    }
}

}  // namespace
}  // namespace nepenthe::evaluate
