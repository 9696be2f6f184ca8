// TOFU from its files to its figures against transformers, rouge-score and scipy (tests/golden/make_tofu.py).

#include "evaluate/evaluate.h"
#include "io/file.h"
#include "mpi_world.h"
#include "temporary_folder.h"

#include <gtest/gtest.h>

namespace nepenthe::evaluate {
namespace {

const std::filesystem::path kFolder = NEPENTHE_SOURCE_DIR "/tests/golden/tofu";
constexpr double kTolerance = 1e-4;

const Json& golden() {
    static const Json value = parse_json(io::read_file(kFolder / "expected.json"), "expected.json");
    return value;
}

EvaluateOptions tofu_options(const std::string& form) {
    EvaluateOptions options;
    options.tasks = {"tofu"};
    options.tofu = kFolder;
    options.tofu_forget = "forget01";
    options.tofu_prompt = form;
    options.answer_tokens = golden()["new_tokens"];
    return options;
}

std::vector<TaskResult> measure(const std::filesystem::path& model, const EvaluateOptions& options) {
    const auto decoder = model::Decoder::load(kFolder / model, model::Compute::kFloat32);
    const auto tokenizer = text::Tokenizer::load(kFolder / model);
    return evaluate(*nepenthe::testing::world, decoder, tokenizer, options, {});
}

double value_of(const TaskResult& result, const std::string& name) {
    for (const Metric& metric : result.metrics) {
        if (metric.name == name) return metric.value;
    }
    ADD_FAILURE() << "no metric " << name;
    return -1;
}

TEST(TofuGolden, QuestionsAndMeansAgreeWithTransformers) {
    for (const TruthRatio form : {TruthRatio::kGeometric, TruthRatio::kArithmetic}) {
        const bool geometric = form == TruthRatio::kGeometric;
        const std::string suffix = geometric ? "" : "_arithmetic", name = geometric ? "geometric" : "arithmetic";
        EvaluateOptions options = tofu_options(golden()["form"]);
        options.tofu_truth_ratio = form;
        const TaskResult result = measure("model", options).front();
        const Json& items = golden()["model"]["items"];
        ASSERT_EQ(result.items.size(), items.size());
        for (std::size_t i = 0; i < items.size(); ++i) {
            const Json& row = result.items[i];
            EXPECT_NEAR(row["answer_nll"], items[i]["answer_nll"].get<double>(), kTolerance) << items[i];
            EXPECT_NEAR(row["paraphrase_nll"], items[i]["paraphrase_nll"].get<double>(), kTolerance) << items[i];
            for (std::size_t k = 0; k < items[i]["perturbed_nll"].size(); ++k) {
                EXPECT_NEAR(row["perturbed_nll"][k], items[i]["perturbed_nll"][k].get<double>(), kTolerance);
            }
            EXPECT_EQ(row["generated"], items[i]["generated"]);
        }
        for (const auto& [set, means] : golden()["model"][name]["means"].items()) {
            EXPECT_NEAR(value_of(result, "tofu_" + set + "_probability"), means[0].get<double>(), kTolerance) << set;
            EXPECT_NEAR(value_of(result, "tofu_" + set + "_rouge"), means[1].get<double>(), 1e-12) << set;
            EXPECT_NEAR(value_of(result, "tofu_" + set + "_truth_ratio" + suffix), means[2].get<double>(), kTolerance);
        }
        EXPECT_NEAR(value_of(result, "tofu_model_utility" + suffix),
                    golden()["model"][name]["model_utility"].get<double>(), kTolerance);
    }
}

TEST(TofuGolden, ForgetQualityComparesTwoModels) {
    const EvaluateOptions options = tofu_options(golden()["form"]);
    const Json pair = compare(measure("retain", options), measure("model", options))["tofu"];
    EXPECT_NEAR(pair["forget_quality"]["value"], golden()["forget_quality"]["p_value"].get<double>(), 1e-12);
    EXPECT_NEAR(pair["tofu_model_utility"]["before"], golden()["retain"]["geometric"]["model_utility"].get<double>(),
                kTolerance);
    EXPECT_EQ(results_json(measure("model", options))["metrics"]["tofu_model_utility"]["version"], 2);
}

// The blank belongs to the answer: the same tokens are scored, the same prompt is continued.
TEST(TofuGolden, AFormThatEndsInABlankIsTheFormWithoutIt) {
    const std::string form = golden()["form"];
    const Json plain = measure("model", tofu_options(form)).front().items;
    for (const std::string blank : {" ", "  ", "\t", "\u00A0", "\u3000"}) {
        EXPECT_EQ(Json(measure("model", tofu_options(form + blank)).front().items), plain) << "blank " << blank;
    }
    EXPECT_NE(Json(measure("model", tofu_options(form + "\n")).front().items), plain) << "a line break is no blank";
}

// Answers end with EOS also where the tokenizer's files name none.
TEST(TofuGolden, TheEndOfAnswersMayBeNamedByConfigJsonAlone) {
    const EvaluateOptions options = tofu_options(golden()["form"]);
    const nepenthe::testing::TemporaryFolder folder;
    for (const char* name : {"config.json", "model.safetensors", "tokenizer.json"}) {
        std::filesystem::copy_file(kFolder / "model" / name, folder.path() / name);
    }
    EXPECT_EQ(Json(measure(folder.path(), options).front().items), Json(measure("model", options).front().items));
}

}  // namespace
}  // namespace nepenthe::evaluate
