// Facts in every published form, and everything that can be wrong with a file.

#include "edit/facts/facts.h"

#include "edit/facts/fact_formats.h"
#include "edit/facts/proper_names.h"
#include "expected_errors.h"
#include "io/file.h"
#include "material.h"
#include "temporary_folder.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

namespace nepenthe::edit {
namespace {

using nepenthe::testing::expect_contains;
using nepenthe::testing::message_of;

const std::filesystem::path kEditing = nepenthe::testing::kMaterial / "editing";
const std::filesystem::path kTofu = nepenthe::testing::kMaterial / "unlearning/tofu";
const std::string kGood = R"({"id":"a","subject":"Ada","prompt":"{} lives in","target_new":"Rome"})"
                          "\n";

FactOptions unlearning(UnlearningTarget target) {
    FactOptions options;
    options.unlearning = target;
    return options;
}

FactFile read(const std::string& bytes, const FactOptions& options = {}) {
    const nepenthe::testing::TemporaryFolder folder;
    return read_facts(folder.write("facts", bytes), options);
}

std::string refusal_of(const std::string& bytes, const FactOptions& options = {}) {
    return message_of(ErrorKind::kData, [&] { read(bytes, options); });
}

TEST(Facts, ReadsItsOwnForm) {
    const auto file = read(
        R"({"id": 7, "subject": "Ada", "prompt": "{} lives in", "target_new": "Rome", "target_true": "London", )"
        R"("paraphrases": ["The home of Ada is"], "neighbourhood": ["Grace lives in", {"prompt": "Paris is in", "answer": "France"}], )"
        R"("note": "kept"})");
    ASSERT_EQ(file.facts.size(), 1u);
    const Fact& fact = file.facts[0];
    EXPECT_EQ(fact.id, "7");
    EXPECT_EQ(fact.sentence(), "Ada lives in");
    EXPECT_EQ(fact.target_new, "Rome");
    EXPECT_EQ(fact.target_true, "London");
    EXPECT_EQ(fact.paraphrases, std::vector<std::string>{"The home of Ada is"});
    ASSERT_EQ(fact.neighbourhood.size(), 2u);
    EXPECT_EQ(fact.neighbourhood[0].answer, "London");
    EXPECT_EQ(fact.neighbourhood[1].answer, "France");
    EXPECT_EQ(fact.source, (Json{{"note", "kept"}}));
    EXPECT_FALSE(fact.subject_proposed);
    EXPECT_EQ(file.digest.size(), 64u);
}

TEST(Facts, ProposesASubjectWhereNoneIsGiven) {
    const auto facts = read(R"({"prompt":"Who painted the Mona Lisa?","target_new":"Titian"})").facts;
    EXPECT_EQ(facts[0].subject, "Mona Lisa");
    EXPECT_EQ(facts[0].prompt, "Who painted the {}?");
    EXPECT_EQ(facts[0].id, "0");
    EXPECT_TRUE(facts[0].subject_proposed);
    EXPECT_EQ(propose_subject("What is the theme of 'Promise by the Seine'?"), "Promise by the Seine");
    EXPECT_EQ(propose_subject("Isn't it the dog's “Great Escape,” that won?"), "Great Escape");
    EXPECT_EQ(propose_subject("In which city was Gabriel García Márquez's brother born?"), "Gabriel García Márquez");
    EXPECT_EQ(propose_subject("what does photosynthesis need"), "photosynthesis");
    EXPECT_EQ(propose_subject("?"), "");
}

TEST(Facts, ReadsCounterFactAsRomePublishesIt) {
    const auto file =
        read(R"([{"case_id": 3, "pararel_idx": 9, "requested_rewrite": {"prompt": "{} speaks", "relation_id": "P103",
        "target_new": {"str": "Latin", "id": "Q1"}, "target_true": {"str": "Greek", "id": "Q2"}, "subject": "Ada"},
        "paraphrase_prompts": ["It rained. Ada talks in", "Ada uses"], "neighborhood_prompts": ["Plato speaks", "Zeno speaks"],
        "attribute_prompts": ["Cato speaks"], "generation_prompts": ["Ada's home is"]}])");
    const Fact& fact = file.facts.at(0);
    EXPECT_EQ(fact.id, "3");
    EXPECT_EQ(fact.sentence(), "Ada speaks");
    EXPECT_EQ(fact.target_new, "Latin");
    EXPECT_EQ(fact.target_true, "Greek");
    EXPECT_EQ(fact.relation, "P103");
    EXPECT_EQ(fact.paraphrases.size(), 2u);
    ASSERT_EQ(fact.neighbourhood.size(), 2u);
    EXPECT_EQ(fact.neighbourhood[1].prompt, "Zeno speaks");
    EXPECT_EQ(fact.neighbourhood[1].answer, "Greek");
    EXPECT_EQ(fact.source["requested_rewrite"]["target_new"]["id"], "Q1");
    EXPECT_EQ(fact.generation_prompts.size(), 1u);
}

TEST(Facts, CounterFactSaysTheSameInBothForms) {
    const auto easyedit = read_facts(kEditing / "counterfact-edit.json").facts;
    const auto rome = read_facts(kEditing / "counterfact-rome.json").facts;
    ASSERT_EQ(easyedit.size(), 140u);
    ASSERT_EQ(rome.size(), easyedit.size());
    for (std::size_t i = 0; i < rome.size(); ++i) {
        EXPECT_EQ(easyedit[i].id, std::to_string(i));
        EXPECT_EQ(easyedit[i].sentence(), rome[i].sentence());
        EXPECT_EQ(easyedit[i].prompt, rome[i].prompt);
        EXPECT_EQ(easyedit[i].target_new, rome[i].target_new);
        EXPECT_EQ(easyedit[i].target_true, rome[i].target_true);
        EXPECT_EQ(easyedit[i].paraphrases, std::vector<std::string>{rome[i].paraphrases.at(i % 2)});
        ASSERT_EQ(rome[i].neighbourhood.size(), 4u);
        EXPECT_EQ(easyedit[i].neighbourhood.at(0).prompt, rome[i].neighbourhood[0].prompt);
        EXPECT_EQ(easyedit[i].neighbourhood[0].answer, rome[i].neighbourhood[0].answer);
        EXPECT_EQ(rome[i].generation_prompts.size(), 2u);
    }
    FactOptions few;
    few.limit = 3;
    EXPECT_EQ(read_facts(kEditing / "counterfact-val.json", few).facts.size(), 3u);
    EXPECT_EQ(read_facts(kEditing / "counterfact-val.json").facts.size(), 70u);
}

TEST(Facts, ReadsZsreInBothConventions) {
    const auto rome = read_facts(kEditing / "zsre-1k.json").facts;
    ASSERT_EQ(rome.size(), 60u);
    const Json records = parse_json(io::read_file(kEditing / "zsre-1k.json"), "zsre");
    EXPECT_EQ(rome[0].sentence(), records[0]["src"].get<std::string>());
    EXPECT_EQ(rome[0].target_new, records[0]["answers"][0].get<std::string>());
    EXPECT_EQ(rome[0].neighbourhood.at(0).prompt, records[0]["loc"].get<std::string>() + "?");
    FactOptions options;
    options.zsre = ZsreConvention::kEasyEdit;
    expect_contains(message_of(ErrorKind::kData, [&] { read_facts(kEditing / "zsre-1k.json", options); }),
                    "1 bad record; correct them, or leave them out with --skip-bad\n  line 522: \"alt\" is empty");
    options.skip_bad = true;
    const auto easyedit = read_facts(kEditing / "zsre-1k.json", options).facts;
    EXPECT_EQ(easyedit.size(), 59u);
    EXPECT_EQ(easyedit[0].target_new, records[0]["alt"].get<std::string>());
    EXPECT_EQ(easyedit[0].target_true, records[0]["answers"][0].get<std::string>());
    EXPECT_EQ(easyedit[0].neighbourhood.at(0).prompt, records[0]["loc"].get<std::string>());
}

TEST(Facts, FindsTofusAuthors) {
    const auto facts = read_facts(kTofu / "forget05_perturbed.json", unlearning(UnlearningTarget::kIncorrect)).facts;
    ASSERT_EQ(facts.size(), 40u);
    for (std::size_t i = 0; i < facts.size(); ++i) {
        const std::string author = facts[i / 20 * 20 + 1].subject;
        EXPECT_EQ(facts[i].subject_proposed, i % 10 == 0) << facts[i].sentence();  // that one names nobody
        if (i % 10 != 0) {
            EXPECT_EQ(facts[i].subject, author);
        }
        EXPECT_EQ(facts[i].target_new, facts[i].source["perturbed_answer"][0].get<std::string>());
        EXPECT_EQ(facts[i].paraphrases.size(), 1u);
    }
    EXPECT_NE(facts[1].subject, facts[21].subject);
    EXPECT_EQ(facts[1].prompt, "In which genre does {} mainly write?");
}

TEST(Facts, WritesWhatUnlearningAsksFor) {
    EXPECT_EQ(read_facts(kTofu / "forget01.json", unlearning(UnlearningTarget::kDummy)).facts[5].target_new, "dummy");
    FactOptions options = unlearning(UnlearningTarget::kAvoidant);
    const auto built_in = read_facts(kTofu / "forget01.json", options).facts;
    EXPECT_NE(built_in[0].target_new, built_in[1].target_new);
    options.refusals = {"No.", "Never."};
    options.limit = 3;
    const auto own = read_facts(kTofu / "forget01.json", options).facts;
    ASSERT_EQ(own.size(), 3u);
    EXPECT_EQ(own[2].target_new, "No.");
    EXPECT_EQ(own[1].subject, built_in[19].subject);  // found from all twenty questions
    const std::string message = message_of(
        ErrorKind::kData, [&] { read_facts(kTofu / "forget01.json", unlearning(UnlearningTarget::kIncorrect)); });
    expect_contains(message, "20 bad records");
    expect_contains(message, "line 1: no \"perturbed_answer\"");
    expect_contains(message_of(ErrorKind::kUsage, [&] { read_facts(kTofu / "forget01.json"); }), "--target dummy");
}

TEST(Facts, PutsEveryPromptIntoAForm) {
    FactOptions options = unlearning(UnlearningTarget::kDummy);
    options.prompt_form = "Question: {}\nAnswer:";
    const auto facts = read_facts(kTofu / "forget01_perturbed.json", options).facts;
    EXPECT_EQ(facts[1].sentence(), "Question: In which genre does " + facts[1].subject + " mainly write?\nAnswer:");
    EXPECT_EQ(facts[1].prompt, "Question: In which genre does {} mainly write?\nAnswer:");
    EXPECT_TRUE(facts[1].paraphrases.at(0).starts_with("Question: ") &&
                facts[1].paraphrases[0].ends_with("?\nAnswer:"));
    FactOptions others;
    others.prompt_form = "Q: {}";
    EXPECT_EQ(read_facts(kEditing / "counterfact-edit.json", others).facts[0].neighbourhood.at(0).prompt.substr(0, 3),
              "Q: ");
    for (const char* form : {"Question:", "{} {}"}) {
        options.prompt_form = form;
        expect_contains(message_of(ErrorKind::kUsage, [&] { read_facts(kTofu / "forget01.json", options); }), "once");
    }
}

TEST(Facts, ReadsEveryTofuFile) {
    for (const auto& entry : std::filesystem::directory_iterator(kTofu)) {
        if (entry.path().extension() != ".json") continue;
        EXPECT_GE(read_facts(entry.path(), unlearning(UnlearningTarget::kDummy)).facts.size(), 10u) << entry.path();
    }
}

TEST(Facts, SaysEverythingThatIsWrongWithARecord) {
    const std::string message =
        refusal_of(kGood + R"({"id":true,"subject":5,"prompt":"a {} b {} c","target_true":""})");
    expect_contains(message, "1 bad record;");
    expect_contains(message, "line 2: \"id\" is neither a text nor an integer; \"subject\" is not a text; ");
    expect_contains(message, "2 \"{}\" instead of one");
    expect_contains(message, "no \"target_new\"");
}

TEST(Facts, RefusesBadRecords) {
    expect_contains(refusal_of(kGood + "{\"id\": 3\n"), "line 2: not JSON");
    expect_contains(refusal_of("plain text"), "line 1: not JSON");
    expect_contains(refusal_of(""), "no fact in it");
    expect_contains(refusal_of("[]"), "no fact in it");
    expect_contains(refusal_of(kGood + "7\n"), "line 2: not a JSON object");
    expect_contains(refusal_of(kGood + kGood), "line 2: the id \"a\" is that of line 1");
    expect_contains(refusal_of(R"({"prompt":"Ada lives in","subject":"Ada","target_new":"x"})"),
                    "\"prompt\" has no \"{}\" where the subject goes");
    expect_contains(refusal_of(R"({"prompt":"{} lives in","target_new":"x"})"), "no \"subject\" for the \"{}\"");
    expect_contains(refusal_of(R"({"prompt":"{} lives in","subject":"Ada","target_new":"  "})"),
                    "\"target_new\" is empty");
    expect_contains(refusal_of(R"({"prompt":"Ada is","subject":"Eve","target_new":"x","ground_truth":"y"})"),
                    "the subject \"Eve\" is not in \"Ada is\"");
    expect_contains(refusal_of(R"({"prompt":"{} is","subject":"{}","target_new":"x"})"), "the subject holds \"{}\"");
    expect_contains(refusal_of(R"({"src":"Who is Ada?","subject":"Ada","answers":[]})"), "no \"answers\"");
    expect_contains(refusal_of(R"({"requested_rewrite":{"prompt":"is","subject":"Ada","target_new":"x"},"case_id":1})"),
                    "requested_rewrite: no \"target_new\" with a \"str\"; no \"target_true\" with a \"str\"");
    expect_contains(refusal_of(R"({"prompt":"{} is","subject":"Ada","target_new":"x","target_new":"y"})"),
                    "duplicate key");
}

TEST(Facts, RefusesUnknownEncodings) {
    expect_contains(refusal_of(std::string("\xFF\xFE{\0", 4)), "UTF-16");
    expect_contains(refusal_of(kGood + "{\"id\":\"Mal\xE9\"}\n"), "line 2: byte 0xE9 is not UTF-8");
    expect_contains(refusal_of(kGood + std::string("{\0}", 3)), "line 2: not JSON: a NUL byte");
    EXPECT_EQ(read("\xEF\xBB\xBF" + kGood).facts.size(), 1u);
}

TEST(Facts, NamesTheLineOfARecordInAnArray) {
    const std::string good = R"({"id":"a","subject":"Ada, [the] \"first\"","prompt":"{} is","target_new":"x"})";
    EXPECT_EQ(read("[" + good + "]").facts[0].subject, "Ada, [the] \"first\"");
    expect_contains(refusal_of("[\n" + good + ",\n{\"prompt\": }\n]"), "line 3: not JSON");
    expect_contains(refusal_of("[\n" + good + ",\n\n]"), "line 4: a record is missing");
    expect_contains(refusal_of("[\n" + good + ",\n"), "line 3: a record is missing: the array is not closed");
    expect_contains(refusal_of("[\n" + good + "]\nmore"), "line 3: not JSON");
}

TEST(Facts, ListsEveryBadLineOfMany) {
    std::string bytes;
    const auto good = [](std::size_t i) {
        return R"({"id":)" + std::to_string(i) +
               R"(,"subject":"Ada","prompt":"{} is","target_new":"x"})"
               "\n";
    };
    for (std::size_t i = 1; i <= 20; ++i) bytes += "bad\n";
    for (std::size_t i = 21; i <= 200000; ++i) bytes += i == 777 || i == 778 || i == 150000 ? "bad\n" : good(i);
    const std::string message = refusal_of(bytes);
    expect_contains(message, "23 bad records");
    expect_contains(message, "line 20: not JSON");
    expect_contains(message, "and 3 more, on lines 777–778, 150000");
    FactOptions options;
    options.skip_bad = true;
    const auto file = read(bytes, options);
    EXPECT_EQ(file.facts.size(), 200000u - 23u);
    EXPECT_EQ(file.skipped, 23u);
    EXPECT_EQ(file.bad.size(), 21u);
}

TEST(Facts, NamesWhatOptionsAccept) {
    EXPECT_EQ(parse_fact_format("zsre"), FactFormat::kZsre);
    EXPECT_EQ(parse_unlearning_target("avoidant"), UnlearningTarget::kAvoidant);
    EXPECT_EQ(parse_zsre_convention("easyedit"), ZsreConvention::kEasyEdit);
    expect_contains(message_of(ErrorKind::kUsage, [] { parse_fact_format("xml"); }), "choose auto, jsonl, counterfact");
}

TEST(Facts, FindsConflicts) {
    const auto fact = [](const char* subject, const char* prompt, const char* target) {
        Fact made;
        made.subject = subject, made.prompt = prompt, made.target_new = target;
        return made;
    };
    const auto conflicts =
        find_conflicts({fact("Ada", "{} is", "x"), fact("Eve", "{} is", "x"), fact("Ada", "{} is", "x"),
                        fact("Ada", "{} is", "y"), fact("Eve", "{} has", "z"), fact("Max", "{} is", "x")});
    EXPECT_EQ(conflicts.duplicates, (std::vector<std::vector<std::size_t>>{{0, 2}}));
    EXPECT_EQ(conflicts.contradictions, (std::vector<std::vector<std::size_t>>{{0, 2, 3}}));
    EXPECT_EQ(conflicts.shared_subjects, (std::vector<std::vector<std::size_t>>{{1, 4}}));
}

TEST(ProperNames, KeepsNamesWhole) {
    using Names = std::vector<std::string>;
    EXPECT_EQ(proper_names("Does Hsiao Yun-Hwa's work cite Ludwig van Beethoven or F. Scott Fitzgerald?"),
              (Names{"Hsiao Yun-Hwa", "Ludwig van Beethoven", "F. Scott Fitzgerald"}));
    EXPECT_EQ(proper_names("Ada sleeps"), Names{});
    EXPECT_EQ(find_words("Paris and Par", "Par"), 10u);
    EXPECT_EQ(find_words("Paris", "Par"), std::string_view::npos);
}

TEST(ProperNames, SubjectsStandBetweenWordBoundariesWherePossible) {
    Fact fact;
    EXPECT_TRUE(set_subject(fact, "Lyonnais like Lyon.", "Lyon"));
    EXPECT_EQ(fact.prompt, "Lyonnais like {}.");
    EXPECT_TRUE(set_subject(fact, "Lyonnais", "Lyon"));
    EXPECT_EQ(fact.prompt, "{}nais");
    EXPECT_FALSE(set_subject(fact, "Paris", "Lyon"));
}

}  // namespace
}  // namespace nepenthe::edit
