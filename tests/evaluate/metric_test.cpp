// Aggregation, comparison, options.

#include "evaluate/metric.h"

#include "base/error.h"
#include "evaluate/statistics.h"
#include "evaluate/summary_rows.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

namespace nepenthe::evaluate {
namespace {

TaskResult result(const char* task, const char* metric, std::vector<Json> values) {
    TaskResult made{task, {}, {}};
    for (std::size_t i = 0; i < values.size(); ++i) made.items.push_back({{"id", i}, {metric, values[i]}});
    made.metrics.push_back(aggregate(metric_definition(metric), item_values(made.items, metric)));
    return made;
}

TEST(Metric, ProportionHasWilsonsInterval) {
    const Metric metric = result("t", "acc", {1, 0, 1, 1}).metrics[0];
    EXPECT_EQ(metric.value, 0.75);
    EXPECT_EQ(metric.numerator, 3);
    EXPECT_EQ(metric.denominator, 4);
    EXPECT_EQ(metric.low, wilson95(3, 4).low);
    EXPECT_TRUE(metric.higher_is_better);
}

TEST(Metric, PerplexityWeighsItemsByTheirTokens) {
    const Metric metric = result("t", "token_perplexity", {{10.0, 5}, {2.0, 1}}).metrics[0];
    EXPECT_DOUBLE_EQ(metric.value, std::exp(2.0));
    EXPECT_DOUBLE_EQ(metric.low, std::exp(2.0));  // both items agree
    EXPECT_FALSE(metric.higher_is_better);
}

// Answers and right answers 1 1 1 0 0 0 0 1 and 1 1 0 0 0 0 1 1: three true positives, three true negatives.
TEST(Metric, MatthewsCorrelationIsPearsonsOfZerosAndOnes) {
    const std::vector<Json> pairs = {{1, 1}, {1, 1}, {1, 0}, {0, 0}, {0, 0}, {0, 0}, {0, 1}, {1, 1}};
    const Metric metric = result("t", "mcc", pairs).metrics[0];
    EXPECT_DOUBLE_EQ(metric.value, 0.5);  // (3·3 − 1·1) / √(4·4·4·4)
    EXPECT_LT(metric.low, 0.5);
    EXPECT_GT(metric.high, 0.5);
    EXPECT_EQ(result("t", "mcc", {{1, 1}, {1, 0}}).metrics[0].value, 0) << "one answer throughout";
    const auto made = result("t", "mcc", pairs);
    EXPECT_DOUBLE_EQ(estimate(metric_definition("mcc"), made.items).value, 0.5);
}

// Leaving an item out moves a statistic by its influence / n, to first order.
TEST(Metric, InfluenceOfACorrelationIsThatOfTheJackknife) {
    std::vector<Json> pairs;
    for (int i = 0; i < 400; ++i) pairs.push_back(Json::array({i % 3 == 0 ? 1 : 0, i % 5 < 2 || i % 3 == 0 ? 1 : 0}));
    const auto whole = estimate(metric_definition("mcc"), result("t", "mcc", pairs).items);
    for (const std::size_t left_out : {0u, 1u, 4u, 5u}) {
        std::vector<Json> others = pairs;
        others.erase(others.begin() + static_cast<std::ptrdiff_t>(left_out));
        const double moved = whole.value - estimate(metric_definition("mcc"), result("t", "mcc", others).items).value;
        EXPECT_NEAR(moved * 399, whole.influence[left_out] - whole.value, 0.02) << left_out;
    }
}

TEST(Metric, OneItemHasNoInterval) {
    const Json json = result("t", "content_mass", {0.5}).metrics[0].to_json();
    EXPECT_EQ(json.dump(), R"({"ci95":[null,null],"denominator":1.0,"numerator":0.5,"value":0.5})");
}

TEST(Compare, AccuraciesByMcNemar) {
    const auto before = result("t", "acc", {1, 1, 1, 1, 1, 0, 1, 0}),
               after = result("t", "acc", {0, 0, 0, 0, 0, 1, 1, 0});
    const Json json = compare({before}, {after})["t"]["acc"];
    EXPECT_DOUBLE_EQ(json["difference"].get<double>(), -0.5);
    EXPECT_EQ(json["lost"], 5);
    EXPECT_EQ(json["gained"], 1);
    EXPECT_DOUBLE_EQ(json["p_value"].get<double>(), mcnemar_exact(5, 1));
    const std::vector<double> differences = {-1, -1, -1, -1, -1, 1, 0, 0};
    EXPECT_NEAR(json["ci95"][0].get<double>(), mean95(differences).low, 1e-12);
}

TEST(Compare, MeansByThePairedTTest) {
    const std::vector<Json> one = {0.1, 0.4, 0.3, 0.9}, two = {0.2, 0.1, 0.1, 0.5};
    const Json json =
        compare({result("t", "content_mass", one)}, {result("t", "content_mass", two)})["t"]["content_mass"];
    const std::vector<double> a = {0.2, 0.1, 0.1, 0.5}, b = {0.1, 0.4, 0.3, 0.9};
    EXPECT_NEAR(json["p_value"].get<double>(), paired_t_test(a, b), 1e-12);
    EXPECT_NEAR(json["difference"].get<double>(), -0.2, 1e-12);
}

TEST(Compare, PerplexitiesKeepTheirRatio) {
    const Json json = compare({result("t", "perplexity", {{10.0, 5}, {3.0, 1}})},
                              {result("t", "perplexity", {{12.0, 5}, {3.6, 1}})})["t"]["perplexity"];
    EXPECT_NEAR(json["ratio"].get<double>(), std::exp(2.6 / 6), 1e-12);
    EXPECT_LT(json["ci95"][0], json["difference"]);
    EXPECT_GT(json["ci95"][1], json["difference"]);
}

TEST(Compare, DifferentItemsAreRefused) {
    EXPECT_THROW(compare({result("t", "acc", {1, 1})}, {result("t", "acc", {1})}), Error);
}

TEST(Results, LieInTheHarnesssLayout) {
    const Json json = results_json({result("piqa", "acc", {1, 0})});
    EXPECT_EQ(json["results"]["piqa"]["acc"]["value"], 0.5);
    EXPECT_EQ(json["n-samples"]["piqa"]["effective"], 2);
    EXPECT_EQ(json["higher_is_better"]["piqa"]["acc"], true);
    EXPECT_EQ(json["metrics"]["acc"]["version"], 1);
}

TEST(SummaryRows, AverageOverTasksAsWagleDoes) {
    const std::vector<TaskResult> measured = {result("wmdp_bio", "acc", {1, 0, 1, 1}), result("mmlu", "acc", {1, 0}),
                                              result("wmdp_cyber", "acc", {0, 0, 0, 1, 0})};
    const auto summary = summary_rows(measured);
    ASSERT_EQ(summary.size(), 1u);
    EXPECT_EQ(summary[0].task, "wagle");
    EXPECT_EQ(summary[0].items.size(), 11u);
    const Metric& efficacy = summary[0].metrics[0];
    EXPECT_DOUBLE_EQ(efficacy.value, (.25 + .8) / 2) << "tasks weigh alike, whatever their sizes";
    EXPECT_DOUBLE_EQ(efficacy.numerator / efficacy.denominator, efficacy.value);
    // Of two independent proportions: half of √(s² / n + t² / m), variances of samples.
    const double half = kZ95 * std::sqrt(.1875 / 4 + .16 / 5) / 2 * std::sqrt(11. / 10);
    EXPECT_NEAR(efficacy.high - efficacy.value, half, 1e-12);
    EXPECT_EQ(summary[0].metrics[1].value, .5);
    EXPECT_TRUE(summary_rows({measured[0], measured[1]}).empty()) << "half of it is not it";
    EXPECT_EQ(summary_rows({measured[0], measured[2]})[0].metrics.size(), 1u) << "without MMLU no utility";
}

TEST(EvaluateOptions, AllProblemsAtOnce) {
    EvaluateOptions options;
    options.tasks = {"hellaswagg", "piqa", "piqa", "familiarity_completion", "perplexity"};
    options.data = "/nowhere";
    options.limit = -1;
    options.window = 1;
    const auto problems = options.validate().items();
    const auto mentions = [&](const std::string& text) {
        return std::any_of(problems.begin(), problems.end(),
                           [&](const std::string& problem) { return problem.find(text) != std::string::npos; });
    };
    for (const char* text : {"did you mean \"hellaswag\"", "named twice", "/nowhere holds no piqa.jsonl",
                             "needs completion_prompts", "needs dictionary", "--texts", "limit is -1", "window is 1"}) {
        EXPECT_TRUE(mentions(text)) << text;
    }
}

}  // namespace
}  // namespace nepenthe::evaluate
