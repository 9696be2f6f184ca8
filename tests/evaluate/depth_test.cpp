// Depth of one answer: the formula, items as files, and states put in place of others' against whole passes.

#include "evaluate/answer_states.h"
#include "evaluate/patched_scores.h"
#include "evaluate/probes.h"
#include "evaluate/unlearning_depth.h"

#include "base/error.h"
#include "evaluate/metric.h"
#include "temporary_folder.h"

#include <gtest/gtest.h>
#include <torch/types.h>

#include <algorithm>

namespace nepenthe::evaluate {
namespace {

using nepenthe::testing::TemporaryFolder;

using Drops = std::vector<double>;

TEST(UnlearningDepth, WeighsTheLayersThatHoldKnowledge) {
    EXPECT_EQ(unlearning_depth(Drops{1, 3}, Drops{1, 3}), 1) << "as gone as there";
    EXPECT_EQ(unlearning_depth(Drops{1, 3}, Drops{0, 0}), 0) << "all still there";
    EXPECT_EQ(unlearning_depth(Drops{1, 3}, Drops{0, 3}), .75);
    EXPECT_EQ(unlearning_depth(Drops{1, 3}, Drops{2, -1}), .25) << "no more than all, no less than nothing";
    EXPECT_EQ(unlearning_depth(Drops{.05, .01, 1}, Drops{9, 9, .5}), .5) << "τ itself holds none";
    EXPECT_FALSE(unlearning_depth(Drops{.05, -2}, Drops{1, 1})) << "nothing to be gone";
    EXPECT_FALSE(share_gone(.05, 1));
    EXPECT_EQ(share_gone(.5, .25), .5);
}

TEST(UnlearningDepth, ItemsWithoutKnowledgeAreCountedAndNotAveraged) {
    const auto row = [](Json depth) {
        return Json{{"id", 0}, {"unlearning_depth", depth}, {"knowledge_items", depth.is_null() ? 0 : 1}};
    };
    const TaskResult made =
        make_result("depth", {"unlearning_depth", "knowledge_items"}, {row(.25), row(nullptr), row(.75), row(nullptr)});
    EXPECT_EQ(made.metrics[0].value, .5);
    EXPECT_EQ(made.metrics[0].denominator, 2);
    EXPECT_EQ(made.metrics[1].numerator, 2);
    EXPECT_EQ(made.metrics[1].denominator, 4);
}

TEST(LayerMetric, AveragesLayerByLayerOverItemsThatHaveIt) {
    const std::vector<Json> rows = {{{"depth_gone", {.5, nullptr}}}, {{"depth_gone", {1, nullptr}}}};
    const LayerMetric metric = aggregate_layers(metric_definition("depth_gone"), rows);
    ASSERT_EQ(metric.layers.size(), 2u);
    EXPECT_EQ(metric.layers[0].value, .75);
    EXPECT_LT(metric.layers[0].low, .75);
    EXPECT_EQ(metric.layers[1].denominator, 0);
    EXPECT_TRUE(std::isnan(metric.layers[1].value));
    EXPECT_EQ(metric.layers[1].to_json()["reason"], "none of the items has it");
    const std::vector<Json> uneven = {{{"depth_gone", {.5, .5}}}, {{"depth_gone", {.5}}}};
    EXPECT_THROW(aggregate_layers(metric_definition("depth_gone"), uneven), Error);
}

TEST(ProbeItems, AreQuestionsTextsAndChoices) {
    TemporaryFolder folder;
    folder.write("items.json",
                 R"([{"idx": 0, "question": "Who?", "prefix": "It was", "entity": "Ada", "entity_span": {}},
                                   {"question": "Who?", "prefix": "", "entity": "Ada"},
                                   {"prefix": "Ada lived in", "entity": "London"},
                                   {"question": "Where?", "choices": ["a", "b", "c", "d"], "answer": 2},
                                   {"question": "Where?", "choices": ["a", "b", "c", "d"], "answer": "B",
                                    "subject": "world_history"}])");
    const auto items = read_probe_items(folder.path() / "items.json", 0);
    ASSERT_EQ(items.size(), 5u);
    EXPECT_EQ(probe_prompt(items[0], kProbeForm), "Question: Who?\nAnswer: It was");
    EXPECT_EQ(probe_prompt(items[1], kProbeForm), "Question: Who?\nAnswer:");
    EXPECT_EQ(probe_prompt(items[2], kProbeForm), "Ada lived in");
    EXPECT_EQ(probe_prompt(items[3], kProbeForm),
              "Answer the following question with A, B, C, or D.\n\nWhere?\nA. a\nB. b\nC. c\nD. d\nAnswer:");
    EXPECT_EQ(items[3].answer, "C");
    EXPECT_TRUE(
        probe_prompt(items[4], kProbeForm)
            .starts_with("The following are multiple choice questions (with answers) about world history.\n\n"));
    EXPECT_EQ(items[4].answer, "B");
    EXPECT_EQ(read_probe_items(folder.path() / "items.json", 2).size(), 2u);
}

TEST(ProbeItems, EveryBadRecordIsNamed) {
    TemporaryFolder folder;
    folder.write("items.jsonl",
                 "{\"question\": \"Who?\"}\n"
                 "{\"entity\": \"Ada\"}\n"
                 "{\"prefix\": 3, \"entity\": \"Ada\"}\n"
                 "{\"prefix\": \"Ada\", \"entity\": \"Lovelace\"}\n"
                 "{\"question\": \"Where?\", \"choices\": [\"a\", \"b\"], \"answer\": 0}\n"
                 "{\"question\": \"Where?\", \"choices\": [\"a\", \"b\", \"c\", \"d\"], \"answer\": 7}\n");
    try {
        read_probe_items(folder.path() / "items.jsonl", 0);
        FAIL() << "bad records were read";
    } catch (const Error& error) {
        EXPECT_EQ(error.kind(), ErrorKind::kData);
        const std::string message = error.what();
        for (const char* line : {"line 1", "line 2", "line 3", "line 5", "line 6"})
            EXPECT_NE(message.find(line), std::string::npos) << line << " in " << message;
        EXPECT_EQ(message.find("line 4"), std::string::npos) << message;
    }
}

// Whole passes, all positions through every block: [layer] of [position, hidden].
std::vector<at::Tensor> outputs_of(const model::Decoder& decoder, const at::Tensor& ids) {
    const auto context = decoder.context({ids, {}});
    at::Tensor hidden = decoder.embed(ids, context);
    std::vector<at::Tensor> outputs;
    for (std::int64_t layer = 0; layer < decoder.config().layers; ++layer) {
        hidden = decoder.block(layer, hidden, context);
        outputs.push_back(hidden[0].clone());
    }
    return outputs;
}

double whole_pass(const model::Decoder& decoder, const EncodedPair& pair, const at::Tensor& ids, std::int64_t replaced,
                  const at::Tensor& by) {
    const auto context = decoder.context({ids, {}});
    const std::int64_t first = static_cast<std::int64_t>(pair.context) - 1, count = ids.size(1) - first;
    at::Tensor hidden = decoder.embed(ids, context);
    for (std::int64_t layer = 0; layer < decoder.config().layers; ++layer) {
        hidden = decoder.block(layer, hidden, context).clone();
        if (layer == replaced) hidden[0].narrow(0, first, count).copy_(by.narrow(0, first, count));
    }
    const at::Tensor logs = at::log_softmax(decoder.head(hidden)[0].to(at::kDouble), -1);
    double sum = 0;
    for (std::int64_t i = 0; i < count; ++i) {
        sum += logs[first + i][pair.ids[pair.context + static_cast<std::size_t>(i)]].item<double>();
    }
    return sum / static_cast<double>(count);
}

class Patched : public ::testing::TestWithParam<const char*> {};

TEST_P(Patched, AnswersPositionsAloneGiveWhatWholePassesGive) {
    const at::NoGradGuard no_gradient;
    const auto folder = std::filesystem::path(NEPENTHE_SOURCE_DIR) / "tests/golden/families" / GetParam();
    const auto knowing = model::Decoder::load(folder, model::Compute::kFloat32);
    const auto other = model::Decoder::create(knowing.config(), 5, model::Compute::kFloat32);
    EncodedPair pair{{3, 17, 9, 4, 21, 8, 30, 12, 5}, 6};
    const std::vector<std::int64_t> fed(pair.ids.begin(), pair.ids.end() - 1);
    const at::Tensor ids = at::tensor(fed, at::kLong).unsqueeze(0);
    const PatchedScores patched(knowing, pair);
    EXPECT_NEAR(patched.clean(), whole_pass(knowing, pair, ids, -1, {}), 1e-5);
    const auto scores = patched.with(answer_states(other, pair), other).by_layer;
    const auto outputs = outputs_of(other, ids);
    ASSERT_EQ(std::ssize(scores), knowing.config().layers);
    double spread = 0;
    for (std::size_t layer = 0; layer < scores.size(); ++layer) {
        const double expected = whole_pass(knowing, pair, ids, static_cast<std::int64_t>(layer), outputs[layer]);
        EXPECT_NEAR(scores[layer], expected, 1e-4) << layer;
        spread = std::max(spread, std::abs(expected - patched.clean()));
    }
    EXPECT_GT(spread, .01) << "the other model's states matter";
    for (const double own : patched.with(answer_states(knowing, pair), knowing).by_layer)
        EXPECT_NEAR(own, patched.clean(), 1e-5) << "its own states change nothing";
}

INSTANTIATE_TEST_SUITE_P(Families, Patched,
                         ::testing::Values("llama", "gemma3_text", "gemma2", "gpt2", "qwen2", "olmo3", "smollm3",
                                           "cohere", "gptj", "falcon_alibi"));

// An answer of one token, and one that all of the sequence but BOS belongs to.
TEST(PatchedScores, ShortAnswersAndShortContexts) {
    const auto folder = std::filesystem::path(NEPENTHE_SOURCE_DIR) / "tests/golden/families/llama";
    const auto knowing = model::Decoder::load(folder, model::Compute::kFloat32);
    const auto other = model::Decoder::create(knowing.config(), 5, model::Compute::kFloat32);
    for (const std::size_t context : {std::size_t{1}, std::size_t{4}}) {
        const EncodedPair pair{{3, 17, 9, 4, 21}, context};
        const std::vector<std::int64_t> fed(pair.ids.begin(), pair.ids.end() - 1);
        const at::Tensor ids = at::tensor(fed, at::kLong).unsqueeze(0);
        const at::NoGradGuard no_gradient;
        const PatchedScores patched(knowing, pair);
        const auto scores = patched.with(answer_states(other, pair), other).by_layer;
        const auto outputs = outputs_of(other, ids);
        for (std::size_t layer = 0; layer < scores.size(); ++layer) {
            EXPECT_NEAR(scores[layer], whole_pass(knowing, pair, ids, static_cast<std::int64_t>(layer), outputs[layer]),
                        1e-4);
        }
    }
}

}  // namespace
}  // namespace nepenthe::evaluate
