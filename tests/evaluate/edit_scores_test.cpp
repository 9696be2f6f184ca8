// Edit success before any edit, of SmolLM2 on facts of our own and of Gemma 3 270M on published ones, against an
// independent computation with transformers (tests/golden/make_edit_scores.py): likelihoods within 1e-3, the same
// decisions. NEPENTHE_GOLDEN_ITEMS sets how many facts.

#include "evaluate/edit_success.h"
#include "evaluate/evaluate.h"
#include "gemma_model.h"
#include "io/file.h"
#include "material.h"
#include "mpi_world.h"
#include "published_data.h"
#include "smollm2_model.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

namespace nepenthe::evaluate {
namespace {

using nepenthe::testing::golden_items;

constexpr double kTolerance = 1e-3;

// A model, the records that it is measured on, and what transformers makes of both.
struct Golden {
    const char* name;
    const model::Decoder& (*decoder)();
    const text::Tokenizer& (*tokenizer)();
    std::filesystem::path (*records)();
    const char* file;
};

const Golden kSmolLm2{"smollm2", []() -> const model::Decoder& { return nepenthe::testing::smollm2().decoder; },
                      []() -> const text::Tokenizer& { return nepenthe::testing::smollm2().tokenizer; },
                      [] { return nepenthe::testing::kMaterial; }, "edit_scores_smollm2_135m.json"};
const Golden kGemma{"gemma3", []() -> const model::Decoder& { return nepenthe::testing::gemma().decoder; },
                    []() -> const text::Tokenizer& { return nepenthe::testing::gemma().tokenizer; },
                    [] { return nepenthe::testing::published_data(); }, "edit_scores_gemma3_270m.json"};

class EditScores : public ::testing::TestWithParam<Golden> {
  protected:
    Json golden =
        parse_json(io::read_file(std::string(NEPENTHE_SOURCE_DIR "/tests/golden/") + GetParam().file), "edit scores");
    std::filesystem::path editing = GetParam().records() / "editing";

    std::vector<TaskResult> evaluate_facts(std::vector<std::string> tasks, const char* file) const {
        EvaluateOptions options;
        options.tasks = std::move(tasks);
        options.facts = editing / file;
        options.limit = std::min(golden_items(50), std::ssize(golden[options.tasks[0]]["items"]));
        return evaluate(*nepenthe::testing::world, GetParam().decoder(), GetParam().tokenizer(), options, {});
    }
};

// Likelihoods of bare prompt, paraphrase, prompt about something else.
std::vector<double> likelihoods(const Json& row) {
    std::vector<double> all;
    for (const Json& prompt : {row["rewrite_nll"], row["paraphrase_nll"][0], row["neighbourhood_nll"][0]}) {
        for (const Json& object : prompt) all.push_back(object);
    }
    return all;
}

void expect_close(const Json& row, const Json& expected, double& worst) {
    ASSERT_EQ(row["fact"], expected["id"]);
    const std::vector<double> ours = likelihoods(row), theirs = expected["nll"];
    ASSERT_EQ(ours.size(), theirs.size());
    for (std::size_t i = 0; i < ours.size(); ++i) {
        EXPECT_NEAR(ours[i], theirs[i], kTolerance) << row["fact"] << " " << i;
        worst = std::max(worst, std::abs(ours[i] - theirs[i]));
    }
}

double share(const Json& right) { return right[0].get<double>() / right[1].get<double>(); }

TEST_P(EditScores, CounterFactAgreesWithTransformers) {
    const auto results = evaluate_facts({"counterfact", "easyedit"}, "counterfact-edit.json");
    const Json& expected = golden["counterfact"]["items"];
    double worst = 0;
    for (std::size_t i = 0; i < results[0].items.size(); ++i) {
        const Json &row = results[0].items[i], &item = expected[i], &easyedit = results[1].items[i];
        expect_close(row, item, worst);
        const std::vector<double> nll = item["nll"];
        const auto expect_winner = [&](const char* metric, double less, double more) {
            if (std::abs(less - more) <= 2 * kTolerance) return;
            EXPECT_EQ(row[metric], less < more ? 1 : 0) << metric << " " << i;
        };
        expect_winner("efficacy_score", nll[0], nll[1]);
        expect_winner("paraphrase_score", nll[2], nll[3]);
        expect_winner("neighbourhood_score", nll[5], nll[4]);
        EXPECT_NEAR(row["efficacy_magnitude"], std::exp(-nll[0]) - std::exp(-nll[1]), kTolerance);
        EXPECT_NEAR(row["neighbourhood_magnitude"], std::exp(-nll[5]) - std::exp(-nll[4]), kTolerance);
        EXPECT_EQ(row["efficacy_strict"], share(item["right"][0]) == 1 ? 1 : 0);
        EXPECT_EQ(row["neighbourhood_strict"], share(item["right"][5]) == 1 ? 1 : 0);
        EXPECT_NEAR(easyedit["easyedit_rewrite_acc"], share(item["right"][0]), 1e-12);
        EXPECT_NEAR(easyedit["easyedit_rephrase_acc"], share(item["right"][2]), 1e-12);
        EXPECT_EQ(easyedit["locality_argmax"][0], item["locality_argmax"]) << i;
    }
    std::printf("%zu facts, largest difference %.1e\n", results[0].items.size(), worst);
    for (const Metric& metric : results[0].metrics) {
        const auto known = golden["counterfact"]["metrics"].find(metric.name);
        if (results[0].items.size() == expected.size() && known != golden["counterfact"]["metrics"].end()) {
            EXPECT_NEAR(metric.value, known->get<double>(), 1e-9) << metric.name;
        }
        EXPECT_GE(metric.high, metric.value) << metric.name;
        EXPECT_LE(metric.low, metric.value) << metric.name;
    }
    const Json same = compare(results, results);
    EXPECT_EQ(same["easyedit"]["easyedit_locality"]["value"], 1);
    EXPECT_EQ(same["counterfact"]["edit_score"]["difference"], 0);
}

TEST_P(EditScores, ZsreAgreesWithTransformers) {
    const auto results = evaluate_facts({"zsre"}, "zsre-1k.json");
    const Json& expected = golden["zsre"]["items"];
    double worst = 0;
    for (std::size_t i = 0; i < results[0].items.size(); ++i) {
        const Json &row = results[0].items[i], &item = expected[i];
        expect_close(row, item, worst);
        EXPECT_NEAR(row["rewrite_token_accuracy"], share(item["right"][0]), 1e-12) << i;
        EXPECT_NEAR(row["paraphrase_token_accuracy"], share(item["right"][1]), 1e-12) << i;
        EXPECT_NEAR(row["neighbourhood_token_accuracy"], share(item["right"][2]), 1e-12) << i;
    }
    std::printf("%zu facts, largest difference %.1e\n", results[0].items.size(), worst);
    if (results[0].items.size() == expected.size()) {
        for (const Metric& metric : results[0].metrics) {
            EXPECT_NEAR(metric.value, golden["zsre"]["metrics"][metric.name].get<double>(), 1e-9) << metric.name;
        }
    }
}

TEST_P(EditScores, OneFactAloneGivesItsRow) {
    edit::FactOptions few;
    few.limit = 3;
    const auto facts = edit::read_facts(editing / "counterfact-edit.json", few).facts;
    const EditSuccess success(EditMeasure::kCounterFact, facts, GetParam().tokenizer(),
                              GetParam().decoder().config().max_positions);
    const Json& expected = golden["counterfact"]["items"];
    std::vector<Json> rows;
    for (std::size_t i = 0; i < facts.size(); ++i) {
        double worst = 0;
        rows.push_back(success.rows(GetParam().decoder(), i, i + 1).at(0));
        expect_close(rows.back(), expected[i], worst);
    }
    const TaskResult result = success.result(rows);
    EXPECT_EQ(result.task, "counterfact");
    EXPECT_EQ(result.metrics[1].name, "efficacy_score");
    EXPECT_EQ(result.metrics[1].denominator, 3);
}

std::string name_of(const ::testing::TestParamInfo<Golden>& test) { return test.param.name; }

INSTANTIATE_TEST_SUITE_P(Own, EditScores, ::testing::Values(kSmolLm2), name_of);
INSTANTIATE_TEST_SUITE_P(Published, EditScores, ::testing::Values(kGemma), name_of);

}  // namespace
}  // namespace nepenthe::evaluate
