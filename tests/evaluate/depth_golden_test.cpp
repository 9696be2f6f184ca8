// Depth of forgetting and the logit lens from files to figures against transformers (tests/golden/make_depth.py).

#include "base/error.h"
#include "evaluate/depth_reference.h"
#include "evaluate/evaluate.h"
#include "io/file.h"
#include "mpi_world.h"
#include "shared_folder.h"

#include <gtest/gtest.h>
#include <torch/types.h>

#include <algorithm>
#include <fstream>

namespace nepenthe::evaluate {
namespace {

const std::filesystem::path kModels = NEPENTHE_SOURCE_DIR "/tests/golden/tofu";
const std::filesystem::path kItems = NEPENTHE_SOURCE_DIR "/tests/golden/depth";

const Json& golden() {
    static const Json value = parse_json(io::read_file(kItems / "expected.json"), "expected.json");
    return value;
}

// "between" is the knowing model with the last block and the final norm of the retrained one.
model::Decoder load(const std::string& name) {
    auto decoder = model::Decoder::load(kModels / (name == "between" ? "model" : name), model::Compute::kFloat32);
    if (name != "between") return decoder;
    const auto retrained = model::Decoder::load(kModels / "retain", model::Compute::kFloat32);
    for (const model::NamedTensor& parameter : decoder.parameters()) {
        if (!parameter.name.starts_with("model.layers.1.") && parameter.name != "model.norm.weight") continue;
        parameter.tensor.copy_(retrained.parameter(parameter.name));
    }
    return decoder;
}

EvaluateOptions depth_options(const std::filesystem::path& scratch = {}) {
    EvaluateOptions options;
    options.tasks = {"depth"};
    options.probe_items = kItems / "items.jsonl";
    const auto retrained = load("retain");
    const auto tokenizer = text::Tokenizer::load(kModels / "model");
    options.depth_reference = std::make_shared<const DepthReference>(
        *nepenthe::testing::world, DepthReference::Pair{load("model"), retrained, tokenizer, tokenizer}, options,
        "model and retain", scratch);
    return options;
}

TaskResult measure(const std::string& model, const EvaluateOptions& options) {
    const auto tokenizer = text::Tokenizer::load(kModels / "model");
    return evaluate(*nepenthe::testing::world, load(model), tokenizer, options, {}).front();
}

const Metric& metric_of(const TaskResult& result, const std::string& name) {
    for (const Metric& metric : result.metrics) {
        if (metric.name == name) return metric;
    }
    fail(ErrorKind::kInternal, "no metric {}", name);
}

void expect_near_or_null(const Json& value, const Json& expected, const std::string& what) {
    ASSERT_EQ(value.is_null(), expected.is_null()) << what;
    if (expected.is_null()) return;
    EXPECT_NEAR(value.get<double>(), expected.get<double>(), 1e-5) << what;
}

TEST(DepthGolden, EveryItemAgreesWithTransformers) {
    const EvaluateOptions options = depth_options();
    for (const char* model : {"model", "retain", "between"}) {
        const TaskResult result = measure(model, options);
        const Json& items = golden()[model];
        ASSERT_EQ(result.items.size(), items.size());
        double sum = 0, known = 0;
        for (std::size_t i = 0; i < items.size(); ++i) {
            const Json &row = result.items[i], &item = items[i];
            const std::string what = fmt::format("{}, item {}", model, i);
            EXPECT_EQ(row["tokens"], item["tokens"]);
            EXPECT_NEAR(row["known_log_probability"], item["clean"].get<double>(), 1e-4) << what;
            for (std::size_t layer = 0; layer < 2; ++layer) {
                EXPECT_NEAR(row["depth_drop"][layer], item["by_layer"][layer].get<double>(), 1e-4) << what;
                EXPECT_NEAR(row["depth_drop_retrained"][layer], golden()["retain"][i]["by_layer"][layer].get<double>(),
                            1e-4);
            }
            EXPECT_NEAR(row["last_drop_published"][1], item["last_published"].get<double>(), 1e-4) << what;
            expect_near_or_null(row["unlearning_depth"], item["depth"], what);
            expect_near_or_null(row["unlearning_depth_published"], item["depth_published"], what);
            if (item["depth"].is_null()) continue;
            sum += item["depth"].get<double>();
            ++known;
        }
        EXPECT_EQ(metric_of(result, "knowledge_items").numerator, known);
        EXPECT_EQ(metric_of(result, "knowledge_items").denominator, items.size());
        EXPECT_NEAR(metric_of(result, "unlearning_depth").value, sum / known, 1e-5);
    }
}

TEST(DepthGolden, TheKnowingModelHasNoDepthAndTheRetrainedAllOfIt) {
    const EvaluateOptions options = depth_options();
    const TaskResult knowing = measure("model", options), retrained = measure("retain", options);
    EXPECT_NEAR(metric_of(knowing, "unlearning_depth").value, 0, 1e-6);
    EXPECT_EQ(metric_of(retrained, "unlearning_depth").value, 1);
    ASSERT_EQ(knowing.by_layer.size(), 3u);
    EXPECT_EQ(knowing.by_layer[2].name, "depth_gone");
    for (const Metric& layer : knowing.by_layer[2].layers) EXPECT_NEAR(layer.value, 0, 1e-6) << "the last one too";
    for (const Metric& layer : retrained.by_layer[2].layers) EXPECT_EQ(layer.value, 1);
    double least = 1;
    for (const Json& row : knowing.items)
        least = std::min(least, -std::abs(row["last_drop_published"][1].get<double>()));
    EXPECT_LT(least, -1e-3) << "states normed twice are not the knowing model's own: the published last layer";
}

TEST(DepthGolden, TheLensAgreesWithTransformers) {
    EvaluateOptions options;
    options.tasks = {"logit_lens"};
    options.probe_items = kItems / "items.jsonl";
    const TaskResult result = measure("model", options);
    const Json& items = golden()["lens"];
    ASSERT_EQ(result.items.size(), items.size());
    for (std::size_t i = 0; i < items.size(); ++i) {
        for (std::size_t layer = 0; layer < 2; ++layer) {
            EXPECT_NEAR(result.items[i]["lens_log_probability"][layer],
                        items[i][layer]["log_probability"].get<double>(), 1e-4);
            EXPECT_NEAR(result.items[i]["lens_accuracy"][layer], items[i][layer]["accuracy"].get<double>(), 1e-9);
        }
        EXPECT_EQ(result.items[i]["answer_accuracy"], result.items[i]["lens_accuracy"][1]);
    }
    ASSERT_EQ(result.by_layer.size(), 2u);
    EXPECT_EQ(result.by_layer[0].layers.size(), 2u);
    EXPECT_EQ(result.by_layer[0].layers[1].value, metric_of(result, "answer_log_probability").value);
    EXPECT_LT(result.by_layer[0].layers[0].value, result.by_layer[0].layers[1].value) << "known better at the end";
    const Json json = results_json({result});
    EXPECT_EQ(json["by_layer"]["logit_lens"]["lens_accuracy"].size(), 2u);
    EXPECT_TRUE(json["metrics"].contains("lens_accuracy"));
}

TEST(DepthGolden, AJournalChangesNothingAndAnotherPairsIsRefused) {
    const nepenthe::testing::SharedFolder folder(*nepenthe::testing::world);
    const EvaluateOptions in_memory = depth_options(), journalled = depth_options(folder.path()),
                          again = depth_options(folder.path());
    for (std::size_t i = 0; i < in_memory.depth_reference->drops().size(); ++i) {
        EXPECT_EQ(in_memory.depth_reference->drops()[i].by_layer, journalled.depth_reference->drops()[i].by_layer);
        EXPECT_EQ(in_memory.depth_reference->drops()[i].by_layer, again.depth_reference->drops()[i].by_layer);
    }
    const auto retrained = load("between");
    const auto tokenizer = text::Tokenizer::load(kModels / "model");
    EXPECT_THROW(
        DepthReference(*nepenthe::testing::world, DepthReference::Pair{load("model"), retrained, tokenizer, tokenizer},
                       in_memory, "", folder.path()),
        Error);
}

TEST(DepthGolden, OtherArchitecturesAndMissingModelsAreRefused) {
    EvaluateOptions options = depth_options();
    const auto other =
        model::Decoder::load(NEPENTHE_SOURCE_DIR "/tests/golden/families/gemma3_text", model::Compute::kFloat32);
    const auto tokenizer = text::Tokenizer::load(kModels / "model");
    try {
        evaluate(*nepenthe::testing::world, other, tokenizer, options, {});
        FAIL() << "states of another width were put in place";
    } catch (const Error& error) {
        EXPECT_EQ(error.kind(), ErrorKind::kData);
        EXPECT_NE(std::string(error.what()).find("2 layers of width 24"), std::string::npos) << error.what();
    }
    options.depth_reference = nullptr;
    EXPECT_THROW(measure("model", options), Error);
}

TEST(DepthGolden, ItemsThatDoNotFitAreNamedOrLeftOut) {
    const nepenthe::testing::SharedFolder folder(*nepenthe::testing::world);
    const auto file = folder.path() / "items.jsonl";
    if (nepenthe::testing::world->is_root()) {
        std::ofstream(file) << R"({"prefix": "Bread is made of flour and", "entity": "water"})"
                            << "\n"
                            << Json{{"prefix", std::string(3000, 'x')}, {"entity", "y"}} << "\n"
                            << R"({"question": "Which?", "choices": ["a", "b", "c", "d"], "answer": 0})"
                            << "\n";
    }
    nepenthe::testing::world->barrier();
    EvaluateOptions options;
    options.tasks = {"logit_lens"};
    options.probe_items = file;
    try {
        measure("model", options);
        FAIL() << "an item longer than the model was measured";
    } catch (const Error& error) {
        EXPECT_NE(std::string(error.what()).find("item 2"), std::string::npos) << error.what();
    }
    options.fact_options.skip_bad = true;
    const TaskResult kept = measure("model", options);
    EXPECT_EQ(kept.items.size() + static_cast<std::size_t>(kept.left_out.front().count), 3u);
    nepenthe::testing::world->barrier();
}

}  // namespace
}  // namespace nepenthe::evaluate
