// Memorisation and membership from files to figures against transformers, zlib and DeLong's formula
// (tests/golden/make_membership.py).

#include "base/error.h"
#include "evaluate/evaluate.h"
#include "evaluate/statistics.h"
#include "io/file.h"
#include "mpi_world.h"
#include "shared_folder.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <fstream>

namespace nepenthe::evaluate {
namespace {

const std::filesystem::path kModels = NEPENTHE_SOURCE_DIR "/tests/golden/tofu";
const std::filesystem::path kTexts = NEPENTHE_SOURCE_DIR "/tests/golden/membership";

const Json& golden() {
    static const Json value = parse_json(io::read_file(kTexts / "expected.json"), "expected.json");
    return value;
}

EvaluateOptions membership_options() {
    EvaluateOptions options;
    options.tasks = {"membership"};
    options.member_texts = kTexts / "members.jsonl";
    options.holdout_texts = kTexts / "holdout.jsonl";
    options.question_prompt = golden()["form"];
    options.gradient_norm = true;
    return options;
}

std::vector<TaskResult> measure(const std::string& model, const EvaluateOptions& options) {
    const auto decoder = model::Decoder::load(kModels / model, model::Compute::kFloat32);
    const auto tokenizer = text::Tokenizer::load(kModels / model);
    return evaluate(*nepenthe::testing::world, decoder, tokenizer, options, {});
}

const Metric& metric_of(const TaskResult& result, const std::string& name) {
    for (const Metric& metric : result.metrics) {
        if (metric.name == name) return metric;
    }
    fail(ErrorKind::kInternal, "no metric {}", name);
}

const char* const kScores[] = {"loss", "zlib", "min_k", "min_k_plus_plus", "gradient_norm"};

TEST(MembershipGolden, EveryTextsScoresAgreeWithTransformers) {
    for (const char* model : {"model", "retain"}) {
        const TaskResult result = measure(model, membership_options()).front();
        const Json& items = golden()[model]["items"];
        ASSERT_EQ(result.items.size(), items.size());
        for (std::size_t i = 0; i < items.size(); ++i) {
            const Json& row = result.items[i];
            EXPECT_EQ(row["tokens"], items[i]["tokens"]);
            for (const std::string score : kScores) {
                const double expected = items[i][score];
                EXPECT_NEAR(row[score + "_auc"][0], expected, 1e-4 * (1 + std::abs(expected))) << row;
                EXPECT_EQ(row[score + "_auc"][1], row["set"] == "holdout" ? 1 : -1);
            }
            for (const char* share : {"exact_memorization", "extraction_strength"}) {
                if (row["set"] == "holdout") {
                    EXPECT_TRUE(row[share].is_null());
                } else {
                    EXPECT_NEAR(row[share], items[i][share].get<double>(), 1e-12) << row;
                }
            }
        }
    }
}

TEST(MembershipGolden, AreasHaveDeLongsIntervals) {
    for (const char* model : {"model", "retain"}) {
        const TaskResult result = measure(model, membership_options()).front();
        for (const std::string score : kScores) {
            const Json& expected = golden()[model][score + "_auc"];
            const Metric& area = metric_of(result, score + "_auc");
            EXPECT_NEAR(area.value, expected["value"].get<double>(), 1e-12) << score;
            EXPECT_NEAR(area.numerator, expected["wins"].get<double>(), 1e-9);
            const double half = kZ95 * std::sqrt(expected["variance"].get<double>());
            EXPECT_NEAR(area.low, std::max(0.0, area.value - half), 1e-9);
            EXPECT_NEAR(area.high, std::min(1.0, area.value + half), 1e-9);
        }
        double sum = 0, members = 0;
        for (const Json& row : result.items) {
            if (row["set"] == "holdout") continue;
            sum += row["extraction_strength"].get<double>();
            ++members;
        }
        EXPECT_NEAR(metric_of(result, "extraction_strength").value, sum / members, 1e-12) << "of the forget set alone";
    }
}

// The retain model before, the one that was taught after it.
TEST(MembershipGolden, TwoModelsShowLeakageAndTheReferenceScore) {
    const auto retain = measure("retain", membership_options()), model = measure("model", membership_options());
    const Json pair = compare(retain, model)["membership"];
    const Json& leakage = golden()["privleak"];
    const double half = kZ95 * leakage["standard_error"].get<double>();
    EXPECT_NEAR(pair["privleak"]["value"], leakage["value"].get<double>(), 1e-9);
    EXPECT_NEAR(pair["privleak"]["ci95"][0], leakage["value"].get<double>() - half, 1e-9);
    EXPECT_NEAR(pair["privleak"]["ci95"][1], leakage["value"].get<double>() + half, 1e-9);
    EXPECT_NEAR(pair["reference_auc"]["value"], golden()["reference_auc"]["value"].get<double>(), 1e-12);
    EXPECT_EQ(pair["min_k_auc"]["test"], "paired t of DeLong's components");
    EXPECT_LT(pair["min_k_auc"]["p_value"], .2);
    EXPECT_EQ(compare(model, model)["membership"]["privleak"]["value"], 0) << "no leakage against itself";
}

TEST(MembershipGolden, LongTextsAreCutAndCounted) {
    EvaluateOptions options = membership_options();
    options.window = 16;
    const TaskResult result = measure("model", options).front();
    ASSERT_EQ(result.left_out.size(), 1u);
    EXPECT_EQ(result.left_out[0].count, 5) << "documents; answers are never cut";
    EXPECT_EQ(result.items[3]["tokens"], 15) << "the first is not predicted";
    options.limit = 2;
    EXPECT_EQ(measure("model", options).front().items.size(), 4u) << "of either group";
}

TEST(MembershipGolden, TextsOfOneTokenAreNamedOrLeftOut) {
    const nepenthe::testing::SharedFolder folder(*nepenthe::testing::world);
    const auto models = folder.path() / "bare";
    if (nepenthe::testing::world->is_root()) {
        // Without BOS, one character is one token.
        std::filesystem::copy(kModels / "model", models);
        Json tokenizer = parse_json(io::read_file(models / "tokenizer.json"), "tokenizer.json");
        tokenizer["post_processor"] = nullptr;
        std::ofstream(models / "tokenizer.json") << tokenizer;
        std::ofstream(folder.path() / "texts.jsonl")
            << "{\"text\": \"a\"}\n{\"text\": \"A ferry.\"}\n{\"text\": \"a\"}\n";
        std::ofstream(folder.path() / "short.jsonl") << "{\"text\": \"a\"}\n";
    }
    nepenthe::testing::world->barrier();
    const auto decoder = model::Decoder::load(models, model::Compute::kFloat32);
    const auto tokenizer = text::Tokenizer::load(models);
    EvaluateOptions options = membership_options();
    options.member_texts = folder.path() / "texts.jsonl";
    const auto run = [&] { return evaluate(*nepenthe::testing::world, decoder, tokenizer, options, {}).front(); };
    try {
        run();
        FAIL() << "a text of one token was scored";
    } catch (const Error& error) {
        EXPECT_EQ(error.kind(), ErrorKind::kData);
        const std::string message = error.what();
        EXPECT_NE(message.find("text 1: a text of fewer than two tokens"), std::string::npos) << message;
        EXPECT_NE(message.find("text 3: a text of fewer than two tokens"), std::string::npos) << message;
    }
    options.fact_options.skip_bad = true;
    const TaskResult kept = run();
    EXPECT_EQ(kept.items.size(), 6u);
    EXPECT_EQ(kept.left_out.back().count, 2);
    options.member_texts = folder.path() / "short.jsonl";
    EXPECT_THROW(run(), Error) << "nothing of one group is left";
    nepenthe::testing::world->barrier();
}

}  // namespace
}  // namespace nepenthe::evaluate
