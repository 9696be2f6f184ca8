// MUSE's prompts, cuts and files.

#include "evaluate/muse_measures.h"

#include "base/error.h"
#include "evaluate/evaluate.h"
#include "evaluate/metric.h"
#include "evaluate/rouge.h"
#include "temporary_folder.h"

#include <gtest/gtest.h>

namespace nepenthe::evaluate {
namespace {

using nepenthe::testing::TemporaryFolder;

TEST(Muse, PromptsAreThePublishedOnes) {
    const std::vector<MuseQuestion> before = {{"Who?", "She."}, {"When?", "Then."}};
    EXPECT_EQ(muse_prompt(before, "Where?"),
              "Question: Who?\nAnswer: She.\n\nQuestion: When?\nAnswer: Then.\n\nQuestion: Where?\nAnswer: ");
}

TEST(Muse, AnswersEndAtTheFirstMark) {
    EXPECT_EQ(cut_muse_answer("Rome.\n\nThen"), "Rome.");
    EXPECT_EQ(cut_muse_answer("Rome.\nQuestion 2"), "Rome.");
    EXPECT_EQ(cut_muse_answer("Rome. Question: Who?\n\nX"), "Rome. ");
    EXPECT_EQ(cut_muse_answer("Rome.\nIt is"), "Rome.\nIt is");
    EXPECT_EQ(cut_muse_answer("\n\nRome"), "");
    EXPECT_EQ(cut_muse_answer(""), "");
}

TEST(Muse, RougeTakesWordsAsTheyStand) {
    EXPECT_DOUBLE_EQ(rouge_l_f1("the cat sat", "the cat"), .8);  // recall ⅔, precision 1
    EXPECT_DOUBLE_EQ(rouge_l_f1("she was running", "she runs"), 2 * .5 * (1.0 / 3) / (.5 + 1.0 / 3)) << "no stems";
    EXPECT_EQ(rouge_l_f1("", "a"), 0);
    EXPECT_EQ(rouge_l_f1("a", "…"), 0);
}

TEST(Muse, RetrainedModelsByNameOrNumber) {
    EXPECT_EQ(parse_muse_retrained("news"), .4772);
    EXPECT_EQ(parse_muse_retrained("books"), .5393);
    EXPECT_EQ(parse_muse_retrained("0.5"), .5);
    for (const char* word : {"", "0", "1", "-0.5", "1.5", "nan", "0.5x", "wiki"}) {
        EXPECT_FALSE(parse_muse_retrained(word)) << word;
    }
}

// `area` is MUSE's A turned round: of pairs of a holdout's and a forgotten text the share in which the first scores
// higher.
double leakage_of(const std::vector<double>& holdout, const std::vector<double>& forget, double retrained) {
    std::vector<Json> rows;
    const auto add = [&](double score, int group) {
        rows.push_back({{"id", rows.size()},
                        {"muse_privleak", {score, group}},
                        {retrained_auc_field("muse_privleak"), retrained}});
    };
    for (const double score : holdout) add(score, 1);
    for (const double score : forget) add(score, -1);
    rows.push_back({{"id", rows.size()}, {"muse_privleak", nullptr}});
    const Metric metric = aggregate_rows(metric_definition("muse_privleak"), rows);
    EXPECT_NEAR(metric.value, metric.numerator / metric.denominator, 1e-12);
    EXPECT_NEAR(metric.value, estimate(metric_definition("muse_privleak"), rows).value, 1e-12);
    // Or no interval at all.
    EXPECT_FALSE(metric.low > metric.value);
    EXPECT_FALSE(metric.high < metric.value);
    return metric.value;
}

TEST(Muse, LeakageIsRelativeToARetrainedModel) {
    EXPECT_NEAR(leakage_of({1, 2}, {3, 4}, .4772), 109.56, .01) << "over-unlearned, on News";
    EXPECT_NEAR(leakage_of({3, 4}, {1, 2}, .4772), -100, 1e-9) << "memorised";
    EXPECT_NEAR(leakage_of({1, 3}, {2, 2}, .5), 0, 1e-9) << "as the retrained model";
    EXPECT_NEAR(leakage_of({1, 1}, {1, 1}, .5), 0, 1e-9) << "ties are half";
    EXPECT_THROW(aggregate_rows(metric_definition("muse_privleak"), std::vector<Json>{{{"muse_privleak", nullptr}}}),
                 Error);
}

void write_sets(const TemporaryFolder& folder) {
    for (const char* name : {"verbmem", "knowmem", "privleak"})
        std::filesystem::create_directories(folder.path() / name);
    folder.write("verbmem/forget.json", R"([{"prompt": "The", "gt": "end"}])");
    for (const char* set : {"forget_qa", "forget_qa_icl", "retain_qa", "retain_qa_icl"}) {
        folder.write(std::string("knowmem/") + set + ".json",
                     R"([{"question": "Who?", "answer": "She."}, {"question": "When?", "answer": "Then."}])");
    }
    for (const char* set : {"forget", "holdout"})
        folder.write(std::string("privleak/") + set + ".json", R"(["One.", {"text": "Two."}])");
}

TEST(Muse, FilesAreListsOrLines) {
    const TemporaryFolder folder;
    write_sets(folder);
    folder.write("knowmem/retain_qa.json",
                 "{\"question\": \"A?\", \"answer\": \"B\"}\n{\"question\": \"C?\", \"answer\": \"D\"}\n");
    const MuseSets sets = read_muse(folder.path(), 0);
    EXPECT_EQ(sets.passages[0].continuation, "end");
    EXPECT_EQ(sets.retain[1].answer, "D");
    EXPECT_EQ(sets.holdout_texts[1], "Two.");
    const MuseSets first = read_muse(folder.path(), 1);
    EXPECT_EQ(first.forget.size(), 1u);
    EXPECT_EQ(first.forget_before.size(), 2u) << "the pairs before questions are all there";
}

TEST(Muse, BadRecordsOfAllFilesAreNamedAtOnce) {
    const TemporaryFolder folder;
    write_sets(folder);
    folder.write("verbmem/forget.json",
                 "[\n{\"prompt\": \"The\"},\n{\"prompt\": \"The\", \"gt\": \"end\"},\n{\"gt\": 1}\n]");
    folder.write("privleak/holdout.json", "[\"One.\",\n\"\"]");
    folder.write("knowmem/retain_qa_icl.json", "[]");
    try {
        read_muse(folder.path(), 0);
        FAIL() << "bad files were read";
    } catch (const Error& error) {
        EXPECT_EQ(error.exit_code(), 65);
        const std::string message = error.what();
        EXPECT_NE(message.find("line 2: no \"gt\""), std::string::npos) << message;
        EXPECT_NE(message.find("line 4: no \"prompt\""), std::string::npos) << message;
        EXPECT_NE(message.find("retain_qa_icl.json holds no records"), std::string::npos) << message;
        EXPECT_NE(message.find("holdout.json"), std::string::npos) << message;
    }
}

TEST(Muse, MissingFilesAndWordsAreProblems) {
    const TemporaryFolder folder;
    write_sets(folder);
    std::filesystem::remove(folder.path() / "privleak/forget.json");
    std::filesystem::remove(folder.path() / "knowmem/forget_qa.json");
    EvaluateOptions options;
    options.tasks = {"muse"};
    EXPECT_EQ(options.validate().items().size(), 1u);
    options.muse = folder.path();
    options.muse_retrained = "wiki";
    EXPECT_EQ(options.validate().items().size(), 3u);
}

}  // namespace
}  // namespace nepenthe::evaluate
