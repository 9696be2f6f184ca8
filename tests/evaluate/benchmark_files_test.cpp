// Prompts of the benchmarks: from the harness's own data fields and from the local copies.

#include "evaluate/benchmark_files.h"

#include "base/error.h"
#include "material.h"
#include "published_data.h"
#include "temporary_file.h"

#include <gtest/gtest.h>

namespace nepenthe::evaluate {
namespace {

ChoiceItem read(const char* name, const Json& row) { return find_benchmark(name)->read(row); }

TEST(BenchmarkFiles, LetteredQuestionsAreTheHarnesss) {
    const Json row = {
        {"question", " Why? "}, {"choices", {"a", "b", "c", "d"}}, {"answer", 2}, {"subject", "high_school_physics"}};
    const std::string head = "The following are multiple choice questions (with answers) about ",
                      tail = ".\n\nWhy?\nA. a\nB. b\nC. c\nD. d\nAnswer:";
    EXPECT_EQ(read("wmdp_bio", row).contexts[0], head + "biology" + tail);
    EXPECT_EQ(read("wmdp_chem", row).contexts[0], head + "chemistry" + tail);
    EXPECT_EQ(read("wmdp_cyber", row).contexts[0], head + "cybersecurity" + tail);
    const ChoiceItem item = read("mmlu", row);
    EXPECT_EQ(item.contexts[0], head + "high school physics" + tail);
    EXPECT_EQ(item.continuations, (std::vector<std::string>{" A", " B", " C", " D"}));
    EXPECT_EQ(item.gold, 2);
    Json by_letter = row;
    by_letter["answer"] = "C";
    EXPECT_EQ(read("mmlu", by_letter).gold, 2);
}

TEST(BenchmarkFiles, EveryBadLetteredQuestionIsNamed) {
    const nepenthe::testing::TemporaryFile file(
        R"({"question": "Why?", "choices": ["a", "b", "c", "d"], "answer": 0, "subject": "law"}
{"question": "Why?", "choices": ["a", "b", "c"], "answer": 0, "subject": "law"}
{"question": "Why?", "choices": ["a", "b", "c", "d"], "answer": 4, "subject": "law"}
{"question": "Why?", "choices": ["a", "b", "c", "d"], "answer": "E", "subject": "law"}
{"question": "Why?", "choices": ["a", "b", "c", "d"], "answer": 0}
{"choices": ["a", "b", "c", "d"], "answer": 0, "subject": "law"}
)");
    try {
        read_benchmark(*find_benchmark("mmlu"), file.path(), 0);
        FAIL() << "bad questions were read";
    } catch (const Error& error) {
        const std::string message = error.what();
        for (const char* said :
             {"line 2: 3 choices, not four", "line 3: the answer 4 is not one of 4 choices",
              "line 4: \"answer\" is not an index", "line 5: no field \"subject\"", "line 6: no field \"question\""}) {
            EXPECT_NE(message.find(said), std::string::npos) << said << " in " << message;
        }
    }
}

TEST(BenchmarkFiles, BothFieldSetsGiveTheSamePrompt) {
    const ChoiceItem arc = read("arc_easy", {{"question", "Why?"},
                                             {"choices", {{"text", {"a", "b", "c"}}, {"label", {"1", "2", "3"}}}},
                                             {"answerKey", "2"}});
    EXPECT_EQ(arc.contexts, std::vector<std::string>{"Question: Why?\nAnswer:"});
    EXPECT_EQ(arc.continuations, (std::vector<std::string>{" a", " b", " c"}));
    EXPECT_EQ(arc.gold, 1);
    const ChoiceItem local = read("arc_easy", {{"query", "Question: Why?"}, {"choices", {"a", "b", "c"}}, {"gold", 1}});
    EXPECT_EQ(local.contexts, arc.contexts);
    EXPECT_EQ(local.continuations, arc.continuations);

    const ChoiceItem boolq = read("boolq", {{"passage", "P."}, {"question", "is it"}, {"label", 1}});
    EXPECT_EQ(boolq.contexts[0], "P.\nQuestion: is it?\nAnswer:");
    EXPECT_EQ(boolq.continuations, (std::vector<std::string>{" no", " yes"}));
    EXPECT_EQ(
        read("boolq", {{"query", "Passage: P.\nQuestion: is it?"}, {"choices", {"no", "yes"}}, {"gold", 1}}).contexts,
        boolq.contexts);

    const ChoiceItem piqa = read("piqa", {{"goal", "Dry it"}, {"sol1", "x"}, {"sol2", "y"}, {"label", 0}});
    EXPECT_EQ(piqa.contexts[0], "Question: Dry it\nAnswer:");
    EXPECT_EQ(read("piqa", {{"query", "Question: Dry it\n"}, {"choices", {"x", "y"}}, {"gold", 0}}).contexts,
              piqa.contexts);

    const ChoiceItem wino =
        read("winogrande", {{"sentence", "A met B and _ left. "}, {"option1", "A"}, {"option2", "B"}, {"answer", "2"}});
    EXPECT_EQ(wino.contexts, (std::vector<std::string>{"A met B and A", "A met B and B"}));
    EXPECT_EQ(wino.continuations, (std::vector<std::string>{" left.", " left."}));
    EXPECT_EQ(wino.gold, 1);

    EXPECT_EQ(read("lambada_openai", {{"text", "one two three"}}).continuations[0], " three");
    EXPECT_EQ(read("lambada_openai", {{"context", "one two"}, {"continuation", "three"}}).contexts[0], "one two");
    EXPECT_EQ(read("openbookqa", {{"question_stem", "Grass is"},
                                  {"choices", {{"text", {"a", "b"}}, {"label", {"A", "B"}}}},
                                  {"answerKey", " B"}})
                  .gold,
              1);
}

TEST(BenchmarkFiles, HellaSwagContextEndsInTheCapitalisedUnfinishedSentence) {
    const Json endings = {"a", "b"};
    const ChoiceItem own = read(
        "hellaswag",
        {{"activity_label", "Roof"}, {"ctx_a", "A man sits."}, {"ctx_b", "he"}, {"endings", endings}, {"label", "1"}});
    EXPECT_EQ(own.contexts[0], "Roof: A man sits. He");
    EXPECT_EQ(own.gold, 1);
    EXPECT_EQ(read("hellaswag", {{"ctx", "Roof: A man sits. he"}, {"endings", endings}, {"label", 1}}).contexts[0],
              own.contexts[0]);
    EXPECT_EQ(read("hellaswag", {{"ctx", "Home: Fix it. Begin here."}, {"endings", endings}, {"label", 1}}).contexts[0],
              "Home: Fix it. Begin here.");
    EXPECT_EQ(clean_hellaswag(" How [header] to [title] do [step] it  "), "How to. do it");
}

TEST(BenchmarkFiles, EveryBadLineIsReported) {
    const testing::TemporaryFile file(
        "{\"query\": \"q\", \"gold\": 0}\n{\"query\": \"q\", \"choices\": [\"a\", \"b\"], \"gold\": 2}\n[]\n");
    try {
        read_benchmark(*find_benchmark("openbookqa"), file.path(), 0);
        FAIL() << "bad lines were read";
    } catch (const Error& error) {
        EXPECT_EQ(error.kind(), ErrorKind::kData);
        const std::string text = error.what();
        EXPECT_NE(text.find("line 1: no field \"choices\""), std::string::npos) << text;
        EXPECT_NE(text.find("line 2: the answer 2"), std::string::npos) << text;
        EXPECT_NE(text.find("line 3: not a JSON object"), std::string::npos) << text;
    }
}

TEST(BenchmarkFiles, EveryBenchmarkOfAFolderIsFound) {
    const std::filesystem::path data = nepenthe::testing::kMaterial / "benchmarks";
    for (const char* name :
         {"arc_easy", "arc_challenge", "boolq", "hellaswag", "openbookqa", "piqa", "winogrande", "lambada_openai"}) {
        const Benchmark& benchmark = *find_benchmark(name);
        const auto items = read_benchmark(benchmark, benchmark_file(benchmark, data), 0);
        EXPECT_EQ(items.size(), 48u) << name;
        for (const ChoiceItem& item : items)
            EXPECT_LT(static_cast<std::size_t>(item.gold), item.continuations.size()) << name;
    }
    const Benchmark& boolq = *find_benchmark("boolq");
    EXPECT_EQ(read_benchmark(boolq, benchmark_file(boolq, data), 7).size(), 7u);
}

TEST(PublishedBenchmarks, AreComplete) {
    const std::filesystem::path data = nepenthe::testing::published_data() / "benchmarks";
    const std::vector<std::pair<const char*, std::size_t>> sizes = {
        {"arc_easy", 2376},  {"arc_challenge", 1172}, {"boolq", 3270},      {"hellaswag", 10042},
        {"openbookqa", 500}, {"piqa", 1838},          {"winogrande", 1267}, {"lambada_openai", 5153}};
    for (const auto& [name, size] : sizes) {
        const Benchmark& benchmark = *find_benchmark(name);
        EXPECT_EQ(read_benchmark(benchmark, benchmark_file(benchmark, data), 0).size(), size) << name;
    }
    const Benchmark& boolq = *find_benchmark("boolq");
    EXPECT_EQ(read_benchmark(boolq, benchmark_file(boolq, data), 7).size(), 7u);
}

}  // namespace
}  // namespace nepenthe::evaluate
