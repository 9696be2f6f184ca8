// MUSE from its files to its figures against transformers and rouge-score (tests/golden/make_muse.py).

#include "base/error.h"
#include "evaluate/evaluate.h"
#include "io/file.h"
#include "mpi_world.h"

#include <gtest/gtest.h>

namespace nepenthe::evaluate {
namespace {

const std::filesystem::path kModels = NEPENTHE_SOURCE_DIR "/tests/golden/tofu";
const std::filesystem::path kSets = NEPENTHE_SOURCE_DIR "/tests/golden/muse";

const Json& golden() {
    static const Json value = parse_json(io::read_file(kSets / "expected.json"), "expected.json");
    return value;
}

EvaluateOptions muse_options(const std::string& retrained) {
    EvaluateOptions options;
    options.tasks = {"muse"};
    options.muse = kSets;
    options.muse_retrained = retrained;
    return options;
}

std::vector<TaskResult> measure(const std::string& model, const EvaluateOptions& options) {
    const auto decoder = model::Decoder::load(kModels / model, model::Compute::kFloat32);
    const auto tokenizer = text::Tokenizer::load(kModels / model);
    return evaluate(*nepenthe::testing::world, decoder, tokenizer, options, {});
}

const Metric* find_metric(const TaskResult& result, const std::string& name) {
    for (const Metric& metric : result.metrics) {
        if (metric.name == name) return &metric;
    }
    return nullptr;
}

TEST(MuseGolden, EveryItemAgrees) {
    for (const char* model : {"model", "retain"}) {
        const TaskResult result = measure(model, muse_options("news")).front();
        const Json& items = golden()[model]["items"];
        ASSERT_EQ(result.items.size(), items.size());
        for (std::size_t i = 0; i < items.size(); ++i) {
            const Json &row = result.items[i], &item = items[i];
            const std::string set = row["set"];
            ASSERT_EQ(set, item["set"].get<std::string>());
            if (item.contains("min_k")) {
                EXPECT_NEAR(row["min_k_auc"][0], item["min_k"].get<double>(), 1e-4 * (1 + item["min_k"].get<double>()));
                EXPECT_EQ(row["min_k_auc"][1], set == "privleak_holdout" ? 1 : -1);
                EXPECT_TRUE(row["muse_verbmem_forget"].is_null());
            } else {
                EXPECT_EQ(row["generated"], item["generated"]);
                EXPECT_EQ(row["reference"], item["reference"]);
                EXPECT_NEAR(row["muse_" + set], item["rouge"].get<double>(), 1e-12) << row;
                EXPECT_TRUE(row["min_k_auc"].is_null());
            }
        }
    }
}

TEST(MuseGolden, FiguresAgree) {
    for (const char* model : {"model", "retain"}) {
        for (const auto& [retrained, leakage] : golden()[model]["privleak"].items()) {
            const TaskResult result = measure(model, muse_options(retrained)).front();
            EXPECT_NEAR(find_metric(result, "muse_privleak")->value, leakage.get<double>(), 1e-9) << retrained;
            EXPECT_NEAR(find_metric(result, "min_k_auc")->value, 1 - golden()[model]["above"].get<double>(), 1e-12);
            for (const auto& [set, mean] : golden()[model]["means"].items()) {
                EXPECT_NEAR(find_metric(result, "muse_" + set)->value, mean.get<double>(), 1e-12) << set;
            }
        }
    }
}

// Without a published constant: the other model is the retrained one.
TEST(MuseGolden, LeakageAgainstAModel) {
    const auto retain = measure("retain", muse_options("")), model = measure("model", muse_options(""));
    EXPECT_EQ(find_metric(model.front(), "muse_privleak"), nullptr);
    const double before = golden()["retain"]["above"], after = golden()["model"]["above"];
    const Json pair = compare(retain, model)["muse"];
    EXPECT_NEAR(pair["privleak"]["value"], 100 * (after - before) / before, 1e-9);
    EXPECT_NEAR(pair["privleak"]["retrained"], before, 1e-12);
    EXPECT_EQ(compare(retain, retain)["muse"]["privleak"]["value"], 0);
}

TEST(MuseGolden, WhatDoesNotFitIsNamedOrLeftOut) {
    const auto tokenizer = text::Tokenizer::load(kModels / "model");
    model::DecoderConfig config =
        model::parse_config(parse_json(io::read_file(kModels / "model/config.json"), "config.json"));
    config.max_positions = 160;
    const auto decoder = model::Decoder::create(config, 1, model::Compute::kFloat32);
    EvaluateOptions options = muse_options("");
    const auto run = [&] { return evaluate(*nepenthe::testing::world, decoder, tokenizer, options, {}).front(); };
    try {
        run();
        FAIL() << "a prompt that does not fit was asked";
    } catch (const Error& error) {
        EXPECT_EQ(error.kind(), ErrorKind::kData);
        EXPECT_NE(std::string(error.what()).find("verbmem_forget 1:"), std::string::npos) << error.what();
    }
    options.fact_options.skip_bad = true;
    const TaskResult kept = run();
    ASSERT_EQ(kept.left_out.size(), 1u);
    EXPECT_EQ(kept.items.size() + static_cast<std::size_t>(kept.left_out[0].count), golden()["model"]["items"].size());
}

}  // namespace
}  // namespace nepenthe::evaluate
