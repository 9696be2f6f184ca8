// Gemma 3 270M on the benchmarks and WikiText against lm-evaluation-harness itself (tests/golden/make_lm_eval.py): the
// same requests, log-likelihoods within 1e-3, the same decisions. NEPENTHE_GOLDEN_ITEMS sets how many items a task.

#include "base/hash.h"
#include "evaluate/benchmark_files.h"
#include "evaluate/evaluate.h"
#include "evaluate/wikitext.h"
#include "gemma_model.h"
#include "io/file.h"
#include "io/text.h"
#include "mpi_world.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <utility>

namespace nepenthe::evaluate {
namespace {

using nepenthe::testing::gemma;
using nepenthe::testing::golden_items;

const std::filesystem::path kData = NEPENTHE_SHARED_DATA "/benchmarks";
const std::filesystem::path kOwnData = NEPENTHE_SOURCE_DIR "/tests/golden";  // GLUE, in sentences of our own
const std::filesystem::path kWikitext = NEPENTHE_SHARED_DATA "/text/wikitext2/test.txt";

const Json& golden() {
    static const Json value = parse_json(io::read_file(NEPENTHE_SOURCE_DIR "/tests/golden/lm_eval_gemma3_270m.json"),
                                         "lm_eval_gemma3_270m.json");
    return value;
}

const std::filesystem::path& data_of(const Benchmark& benchmark) {
    return benchmark_file(benchmark, kOwnData).empty() ? kData : kOwnData;
}

std::string request_digest(const std::string& context, const std::string& continuation) {
    return sha256_hex(context + std::string(1, '\0') + continuation).substr(0, 12);
}

TEST(LmEval, RequestsAreTheHarnesssOwn) {
    for (const Benchmark& benchmark : benchmarks()) {
        const Json& expected = golden()[benchmark.name]["items"];
        const auto items = read_benchmark(benchmark, benchmark_file(benchmark, data_of(benchmark)),
                                          static_cast<std::int64_t>(expected.size()));
        ASSERT_EQ(items.size(), expected.size()) << benchmark.name;
        for (std::size_t i = 0; i < items.size(); ++i) {
            std::vector<std::string> digests;
            for (std::size_t choice = 0; choice < items[i].continuations.size(); ++choice) {
                digests.push_back(request_digest(items[i].context_of(choice), items[i].continuations[choice]));
            }
            EXPECT_EQ(Json(digests), expected[i]["requests"]) << benchmark.name << " item " << i;
        }
    }
}

TEST(LmEval, WikiTextPagesAreTheHarnesssOwn) {
    const auto pages = wikitext_pages(io::read_text(kWikitext));
    EXPECT_EQ(pages.size(), golden()["wikitext"]["pages"].get<std::size_t>());
    const Json& expected = golden()["wikitext"]["items"];
    for (std::size_t i = 0; i < expected.size(); ++i) {
        EXPECT_EQ(sha256_hex(detokenize_wikitext(pages[i])).substr(0, 12), expected[i]["requests"][0]);
    }
}

// Two choices whose scores differ by less than the tolerance may change places.
bool is_close_call(const Json& item, const std::string& metric, const Json& row) {
    if (!row.contains("log_likelihoods")) return false;
    std::vector<double> scores = item["log_likelihoods"];
    if (metric == "acc_norm") return false;
    std::sort(scores.rbegin(), scores.rend());
    return scores[0] - scores[1] < 1e-3;
}

void check_task(const TaskResult& result) {
    const Json& expected = golden()[result.task]["items"];
    double worst = 0;
    for (std::size_t i = 0; i < result.items.size(); ++i) {
        const Json& row = result.items[i];
        const Json sums = row.contains("log_likelihoods") ? row["log_likelihoods"] : Json{row["log_likelihood"]};
        ASSERT_EQ(sums.size(), expected[i]["log_likelihoods"].size());
        for (std::size_t choice = 0; choice < sums.size(); ++choice) {
            const double difference =
                std::abs(sums[choice].get<double>() - expected[i]["log_likelihoods"][choice].get<double>());
            EXPECT_LE(difference, 1e-3) << result.task << " item " << i << " choice " << choice;
            worst = std::max(worst, difference);
        }
        for (const auto& [metric, value] : expected[i]["metrics"].items()) {
            if (!is_close_call(expected[i], metric, row)) {
                EXPECT_EQ(row[metric], value) << result.task << " item " << i << " " << metric;
            }
        }
    }
    // All items are there: what they add up to is the harness's own.
    for (const Metric& metric : result.metrics) {
        if (result.items.size() != expected.size() || (metric.name != "mcc" && metric.name != "f1")) continue;
        EXPECT_NEAR(metric.value, golden()[result.task]["metrics"][metric.name], 1e-9) << result.task;
    }
    std::printf("%-16s %zu items, largest difference %.1e\n", result.task.c_str(), result.items.size(), worst);
}

TEST(LmEval, LogLikelihoodsAndDecisionsAgree) {
    for (const auto& data : {kData, kOwnData}) {
        EvaluateOptions options;
        options.data = data;
        options.limit = golden_items(16);
        for (const Benchmark& benchmark : benchmarks()) {
            if (data_of(benchmark) == data) options.tasks.push_back(benchmark.name);
        }
        for (const TaskResult& result :
             evaluate(*nepenthe::testing::world, gemma().decoder, gemma().tokenizer, options, {})) {
            check_task(result);
        }
    }
}

TEST(LmEval, WordPerplexityAgrees) {
    const Json& expected = golden()["wikitext"];
    EvaluateOptions options;
    options.tasks = {"wikitext_word_perplexity"};
    options.wikitext = kWikitext;
    options.window = expected["max_length"];
    options.limit = static_cast<std::int64_t>(expected["items"].size());
    const auto result = evaluate(*nepenthe::testing::world, gemma().decoder, gemma().tokenizer, options, {}).front();
    for (std::size_t i = 0; i < result.items.size(); ++i) {
        const double log_likelihood = result.items[i]["log_likelihood"];
        EXPECT_NEAR(log_likelihood, expected["items"][i]["log_likelihood"], 1e-5 * std::abs(log_likelihood));
        EXPECT_EQ(result.items[i]["word_perplexity"][1].get<double>(), expected["items"][i]["words"].get<double>());
        EXPECT_EQ(result.items[i]["byte_perplexity"][1].get<double>(), expected["items"][i]["bytes"].get<double>());
    }
    for (const Metric& metric : result.metrics) {
        EXPECT_NEAR(metric.value, expected["metrics"][metric.name], 2e-4 * metric.value) << metric.name;
    }
}

}  // namespace
}  // namespace nepenthe::evaluate
