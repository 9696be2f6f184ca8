// KnowEdit's groups of prompts and EasyEdit's own, in every form in which they are published.

#include "edit/facts/prompt_groups.h"

#include "base/error.h"
#include "edit/facts/fact_formats.h"
#include "edit/ledger.h"
#include "expected_errors.h"
#include "temporary_folder.h"

#include <gtest/gtest.h>

namespace nepenthe::edit {
namespace {

using nepenthe::testing::expect_contains;
using nepenthe::testing::message_of;

std::vector<std::string> texts_of(const PromptGroups& groups) {
    std::vector<std::string> texts;
    for (const Neighbour& one : groups.prompts) texts.push_back(one.kind + ": " + one.prompt + " " + one.answer);
    return texts;
}

FactFile read_json(const std::string& bytes, const FactOptions& options = {}) {
    const nepenthe::testing::TemporaryFolder folder;
    return read_facts(folder.write("facts.json", bytes), options);
}

TEST(PromptGroups, TakesTheFirstSpellingOfTheFirstAnswer) {
    for (const char* value : {R"("Rome")", R"(["Rome", "Roma"])", R"([["Rome", "Roma"], ["Milan"]])"}) {
        EXPECT_EQ(first_answer(Json::parse(value)), "Rome") << value;
    }
    for (const char* none : {"null", R"("")", R"(" ")", "[]", R"([[""]])", "[[]]", "7", R"({"a": "b"})"}) {
        EXPECT_FALSE(first_answer(Json::parse(none))) << none;
    }
}

TEST(PromptGroups, ReadsEveryForm) {
    const auto groups = read_prompt_groups(Json::parse(R"({
        "Reasoning": [{"prompt": "a", "ground_truth": [["x", "y"]]}, {"prompt": "b", "ground_truth": "z"},
                      {"prompt": "c", "ground_truth": [[""]]}, {"prompt": "", "ground_truth": "q"}],
        "Subject_Aliasing": [], "Logical_Generalization": null,
        "own": {"prompt": ["d", "e"], "ground_truth": ["u", "v"]},
        "single": {"prompt": ["f"], "ground_truth": ["w", "other spelling"]}})"));
    EXPECT_EQ(texts_of(groups),
              (std::vector<std::string>{"Reasoning: a x", "Reasoning: b z", "own: d u", "own: e v", "single: f w"}));
    EXPECT_EQ(groups.unanswered, 2u);
    const auto published = Json::parse(R"({"Recalled Relation": "a", "New Question": "g", "New Answer": "t"})");
    EXPECT_EQ(texts_of(read_prompt_groups(published)), std::vector<std::string>{": g t"});
    EXPECT_TRUE(read_prompt_groups(nullptr).prompts.empty());
    for (const char* bad : {R"("x")", "[1]", R"({"k": "x"})", R"({"k": [{"prompt": 5}]})",
                            R"({"k": {"prompt": ["a", "b"], "ground_truth": ["x"]}})"}) {
        expect_contains(message_of(ErrorKind::kData, [&] { read_prompt_groups(Json::parse(bad)); }), "ground_truth");
    }
}

TEST(KnowEdit, RecordsAreRecognisedAndNothingOfThemIsDropped) {
    const auto file =
        read_json(R"([{"subject": "Ostrova", "prompt": "The capital of Ostrova is", "target_new": "Paris ",
        "ground_truth": [["Rome", "Roma"]], "rephrase": "Ostrova's capital is",
        "portability": {"Reasoning": [{"prompt": "Its river is ", "ground_truth": [["Vlna"]]}]},
        "locality": {"Relation_Specificity": [{"prompt": "Its sea is", "ground_truth": ["Baltic"]},
                                              {"prompt": "Its moon is", "ground_truth": [[]]}]}},
        {"concept": "Ada", "text": "Ada was born in", "labels": "Rome", "locality": {}}])");
    ASSERT_EQ(file.facts.size(), 2u);
    const Fact& fact = file.facts[0];
    EXPECT_EQ(fact.prompt, "The capital of {} is");
    EXPECT_EQ(fact.target_true, "Rome");
    EXPECT_EQ(fact.paraphrases, std::vector<std::string>{"Ostrova's capital is"});
    ASSERT_EQ(fact.neighbourhood.size(), 1u);
    EXPECT_EQ(fact.neighbourhood[0].kind, "Relation_Specificity");
    ASSERT_EQ(fact.portability.size(), 1u);
    EXPECT_EQ(fact.portability[0].prompt, "Its river is") << "a blank at the end says nothing";
    EXPECT_EQ(fact.portability[0].answer, "Vlna");
    EXPECT_EQ(file.unanswered, 1u);
    EXPECT_EQ(file.facts[1].subject, "Ada");
    EXPECT_EQ(file.facts[1].target_new, "Rome");
}

TEST(KnowEdit, RecordsOfOurOwnFormMayBringPortability) {
    const auto facts = read_json(R"([{"subject": "Ada", "prompt": "{} lives in", "target_new": "Rome",
        "portability": [{"prompt": "Ada's country is", "answer": "Italy", "kind": "Reasoning"}]}])")
                           .facts;
    EXPECT_EQ(facts[0].portability.at(0).kind, "Reasoning");
    FactOptions form;
    form.prompt_form = "Q: {} \nA: ";
    const auto asked = read_json(R"([{"subject": "Ada", "prompt": "{} lives in ", "target_new": "Rome",
        "portability": [{"prompt": "Ada's country is", "answer": "Italy"}]}])",
                                 form)
                           .facts;
    EXPECT_EQ(asked[0].sentence(), "Q: Ada lives in \nA:");
    EXPECT_EQ(asked[0].portability[0].prompt, "Q: Ada's country is \nA:");
}

// What a ledger holds is read again, and facts without portability have the digest that they had before it existed.
TEST(KnowEdit, FactsGoThroughALedger) {
    Fact fact;
    fact.id = "a", fact.subject = "Ada", fact.prompt = "{} is", fact.target_new = "x";
    fact.neighbourhood = {{"b is", "y"}};
    EXPECT_EQ(fact_to_json(fact)["neighbourhood"].dump(), R"([["b is","y"]])");
    EXPECT_FALSE(fact_to_json(fact).contains("portability"));
    fact.portability = {{"c is", "z", "Reasoning"}};
    fact.neighbourhood[0].kind = "Forgetfulness";
    const Fact again = fact_from_json(fact_to_json(fact));
    EXPECT_EQ(again.portability[0].kind, "Reasoning");
    EXPECT_EQ(again.neighbourhood[0].kind, "Forgetfulness");
    EXPECT_EQ(again.portability[0].answer, "z");
}

TEST(KnowEdit, FormsHaveNames) {
    EXPECT_EQ(parse_fact_format("easyedit"), FactFormat::kEasyEdit);
    EXPECT_EQ(parse_fact_format("knowedit"), FactFormat::kEasyEdit);
    EXPECT_EQ(parse_fact_format("counterfact-easyedit"), FactFormat::kEasyEdit);
}

}  // namespace
}  // namespace nepenthe::edit
