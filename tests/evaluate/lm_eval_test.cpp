// The benchmarks and WikiText against lm-evaluation-harness itself (tests/golden/make_lm_eval.py), SmolLM2 on items of
// our own, Gemma 3 270M on GLUE, WMDP and MMLU in sentences of our own and on published items: the same requests,
// log-likelihoods within 1e-3, the same decisions. NEPENTHE_GOLDEN_ITEMS sets how many items a task.

#include "base/hash.h"
#include "evaluate/benchmark_files.h"
#include "evaluate/evaluate.h"
#include "evaluate/wikitext.h"
#include "gemma_model.h"
#include "io/file.h"
#include "io/text.h"
#include "material.h"
#include "mpi_world.h"
#include "published_data.h"
#include "smollm2_model.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <utility>

namespace nepenthe::evaluate {
namespace {

using nepenthe::testing::golden_items;

const std::filesystem::path kGlue = NEPENTHE_SOURCE_DIR "/tests/golden";  // in sentences of our own

// A model, what it is measured on (but for GLUE), and what the harness makes of both.
struct Golden {
    const char* name;
    const model::Decoder& (*decoder)();
    const text::Tokenizer& (*tokenizer)();
    const char* file;
    std::filesystem::path (*benchmarks)();
    std::filesystem::path (*wikitext)();
};

const Golden kSmolLm2{"smollm2",
                      []() -> const model::Decoder& { return nepenthe::testing::smollm2().decoder; },
                      []() -> const text::Tokenizer& { return nepenthe::testing::smollm2().tokenizer; },
                      "lm_eval_smollm2_135m.json",
                      [] { return nepenthe::testing::kMaterial / "benchmarks"; },
                      [] { return nepenthe::testing::kMaterial / "text/wikitext.txt"; }};
const Golden kGemma{"gemma3",
                    []() -> const model::Decoder& { return nepenthe::testing::gemma().decoder; },
                    []() -> const text::Tokenizer& { return nepenthe::testing::gemma().tokenizer; },
                    "lm_eval_gemma3_270m.json",
                    [] { return nepenthe::testing::published_data() / "benchmarks"; },
                    [] { return nepenthe::testing::published_data() / "text/wikitext2/test.txt"; }};

const Golden kGemmaOnGlue{"gemma3_glue", kGemma.decoder, kGemma.tokenizer, kGemma.file, nullptr, nullptr};

bool is_glue(const Benchmark& benchmark) { return !benchmark_file(benchmark, kGlue).empty(); }

class LmEval : public ::testing::TestWithParam<Golden> {
  protected:
    Json golden =
        parse_json(io::read_file(std::string(NEPENTHE_SOURCE_DIR "/tests/golden/") + GetParam().file), GetParam().file);

    std::filesystem::path data_of(const Benchmark& benchmark) const {
        return is_glue(benchmark) ? kGlue : GetParam().benchmarks();
    }
    bool is_asked(const Benchmark& benchmark) const { return is_glue(benchmark) == (GetParam().benchmarks == nullptr); }
    std::vector<TaskResult> results(const EvaluateOptions& options) const {
        return evaluate(*nepenthe::testing::world, GetParam().decoder(), GetParam().tokenizer(), options, {});
    }
    void check_task(const TaskResult& result) const;
};

std::string request_digest(const std::string& context, const std::string& continuation) {
    return sha256_hex(context + std::string(1, '\0') + continuation).substr(0, 12);
}

TEST_P(LmEval, RequestsAreTheHarnesssOwn) {
    for (const Benchmark& benchmark : benchmarks()) {
        if (!is_asked(benchmark)) continue;
        const Json& expected = golden.at(benchmark.name)["items"];
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

TEST_P(LmEval, WikiTextPagesAreTheHarnesssOwn) {
    if (GetParam().wikitext == nullptr) return;
    const auto pages = wikitext_pages(io::read_text(GetParam().wikitext()));
    EXPECT_EQ(pages.size(), golden.at("wikitext")["pages"].get<std::size_t>());
    const Json& expected = golden.at("wikitext")["items"];
    for (std::size_t i = 0; i < expected.size(); ++i) {
        EXPECT_EQ(sha256_hex(detokenize_wikitext(pages[i])).substr(0, 12),
                  expected[i]["requests"][0].get<std::string>());
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

void LmEval::check_task(const TaskResult& result) const {
    const Json& expected = golden.at(result.task)["items"];
    double worst = 0;
    for (std::size_t i = 0; i < result.items.size(); ++i) {
        const Json& row = result.items[i];
        const Json sums =
            row.contains("log_likelihoods") ? row["log_likelihoods"] : Json::array({row["log_likelihood"]});
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
        EXPECT_NEAR(metric.value, golden.at(result.task)["metrics"][metric.name], 1e-9) << result.task;
    }
    std::printf("%-16s %zu items, largest difference %.1e\n", result.task.c_str(), result.items.size(), worst);
}

TEST_P(LmEval, LogLikelihoodsAndDecisionsAgree) {
    EvaluateOptions options;
    options.limit = golden_items(16);
    for (const Benchmark& benchmark : benchmarks()) {
        if (!is_asked(benchmark)) continue;
        options.tasks.push_back(benchmark.name);
        options.data = data_of(benchmark);
    }
    std::size_t compared = 0;
    for (const TaskResult& result : results(options)) {
        if (std::ranges::find(options.tasks, result.task) == options.tasks.end()) continue;  // a mean over tasks
        check_task(result);
        ++compared;
    }
    EXPECT_EQ(compared, options.tasks.size());
}

TEST_P(LmEval, WordPerplexityAgrees) {
    if (GetParam().wikitext == nullptr) return;
    const Json& expected = golden.at("wikitext");
    EvaluateOptions options;
    options.tasks = {"wikitext_word_perplexity"};
    options.wikitext = GetParam().wikitext();
    options.window = expected["max_length"];
    options.limit = static_cast<std::int64_t>(expected["items"].size());
    const auto result = results(options).front();
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

std::string name_of(const ::testing::TestParamInfo<Golden>& test) { return test.param.name; }

INSTANTIATE_TEST_SUITE_P(Own, LmEval, ::testing::Values(kSmolLm2, kGemmaOnGlue), name_of);
INSTANTIATE_TEST_SUITE_P(Published, LmEval, ::testing::Values(kGemma), name_of);

}  // namespace
}  // namespace nepenthe::evaluate
