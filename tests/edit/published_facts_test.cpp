// The files as published: CounterFact and zsRE in EasyEdit's form, TOFU.

#include "edit/facts/facts.h"

#include "expected_errors.h"
#include "published_data.h"

#include <gtest/gtest.h>

#include <set>

namespace nepenthe::edit {
namespace {

using nepenthe::testing::expect_contains;
using nepenthe::testing::message_of;

std::filesystem::path editing() { return nepenthe::testing::published_data() / "editing"; }
std::filesystem::path tofu() { return nepenthe::testing::published_data() / "unlearning/tofu"; }

FactOptions with_target(UnlearningTarget target) {
    FactOptions options;
    options.unlearning = target;
    return options;
}

TEST(PublishedFacts, AreCounterFact) {
    const auto file = read_facts(editing() / "counterfact-edit.json");
    ASSERT_EQ(file.facts.size(), 10000u);
    const Fact& first = file.facts[0];
    EXPECT_EQ(first.id, "0");
    EXPECT_EQ(first.prompt, "The mother tongue of {} is");
    EXPECT_EQ(first.sentence(), "The mother tongue of Danielle Darrieux is");
    EXPECT_EQ(first.target_new, "English");
    EXPECT_EQ(first.target_true, "French");
    EXPECT_EQ(first.neighbourhood.at(0).prompt, "Michel Rocard is a native speaker of");
    EXPECT_EQ(file.facts[2].prompt, "What is the twin city of {}? It is");
    FactOptions few;
    few.limit = 3;
    EXPECT_EQ(read_facts(editing() / "counterfact-val.json", few).facts.size(), 3u);
    EXPECT_EQ(read_facts(editing() / "counterfact-val.json").facts.size(), 1919u);
}

TEST(PublishedFacts, ReadsZsreInBothConventions) {
    const auto rome = read_facts(editing() / "zsre-1k.json").facts;
    ASSERT_EQ(rome.size(), 1000u);
    EXPECT_EQ(rome[0].prompt, "What is the product made by {}?");
    EXPECT_EQ(rome[0].target_new, "uniform");
    EXPECT_EQ(rome[0].neighbourhood.at(0).prompt, "nq question: john goodman's character in the big lebowski?");
    FactOptions options;
    options.zsre = ZsreConvention::kEasyEdit;
    expect_contains(message_of(ErrorKind::kData, [&] { read_facts(editing() / "zsre-1k.json", options); }),
                    "2 bad records; correct them, or leave them out with --skip-bad\n  line 6964: \"alt\" is empty");
    options.skip_bad = true;
    const auto easyedit = read_facts(editing() / "zsre-1k.json", options).facts;
    EXPECT_EQ(easyedit.size(), 998u);
    EXPECT_EQ(easyedit[0].target_new, "unmanned aircraft");
    EXPECT_EQ(easyedit[0].target_true, "uniform");
    EXPECT_EQ(easyedit[0].neighbourhood.at(0).prompt, "nq question: john goodman's character in the big lebowski");
}

TEST(PublishedFacts, FindsTofusAuthors) {
    for (const char* name : {"forget01_perturbed.json", "forget05_perturbed.json", "forget10_perturbed.json"}) {
        const auto facts = read_facts(tofu() / name, with_target(UnlearningTarget::kIncorrect)).facts;
        std::set<std::string> subjects;
        std::size_t found = 0;
        for (const Fact& fact : facts) {
            EXPECT_NE(fact.prompt.find("{}"), std::string::npos);
            if (fact.subject_proposed) continue;
            ++found;
            subjects.insert(fact.subject);
        }
        EXPECT_GE(found * 10, facts.size() * 8) << name;  // the others name a book, or nobody
        EXPECT_GE(subjects.size(), facts.size() / 20);
        EXPECT_LE(subjects.size(), facts.size() / 20 * 2) << name;  // full name or surname
    }
    const auto facts = read_facts(tofu() / "forget01_perturbed.json", with_target(UnlearningTarget::kIncorrect)).facts;
    EXPECT_EQ(facts[1].subject, "Basil Mahfouz Al-Kuwaiti");
    EXPECT_EQ(facts[1].prompt, "What gender is author {}?");
    EXPECT_TRUE(facts[0].subject_proposed);
    EXPECT_EQ(facts[0].target_new, facts[0].source["perturbed_answer"][0].get<std::string>());
    EXPECT_EQ(facts[0].target_true.substr(0, 17), "The full name of ");
    EXPECT_EQ(facts[0].paraphrases.size(), 1u);
}

TEST(PublishedFacts, PutsEveryPromptIntoAForm) {
    FactOptions options = with_target(UnlearningTarget::kDummy);
    options.prompt_form = "Question: {}\nAnswer:";
    const auto facts = read_facts(tofu() / "forget01_perturbed.json", options).facts;
    EXPECT_EQ(facts[1].subject, "Basil Mahfouz Al-Kuwaiti");  // not "Question"
    EXPECT_EQ(facts[1].sentence(), "Question: What gender is author Basil Mahfouz Al-Kuwaiti?\nAnswer:");
    EXPECT_TRUE(facts[1].paraphrases.at(0).starts_with("Question: ") &&
                facts[1].paraphrases[0].ends_with("?\nAnswer:"));
    FactOptions others;
    others.prompt_form = "Q: {}";
    EXPECT_EQ(read_facts(editing() / "counterfact-edit.json", others).facts[0].neighbourhood.at(0).prompt.substr(0, 3),
              "Q: ");
    for (const char* form : {"Question:", "{} {}"}) {
        options.prompt_form = form;
        expect_contains(message_of(ErrorKind::kUsage, [&] { read_facts(tofu() / "forget01.json", options); }), "once");
    }
}

TEST(PublishedFacts, ReadsEveryTofuFile) {
    for (const auto& entry : std::filesystem::directory_iterator(tofu())) {
        if (entry.path().extension() != ".json") continue;
        EXPECT_GE(read_facts(entry.path(), with_target(UnlearningTarget::kDummy)).facts.size(), 40u) << entry.path();
    }
}

}  // namespace
}  // namespace nepenthe::edit
