// TOFU's formulas against numpy and scipy (tests/golden/make_tofu.py), and against figures that are published for whole
// models.

#include "evaluate/tofu_measures.h"

#include "evaluate/metric.h"
#include "evaluate/paired_measures.h"
#include "evaluate/statistics.h"
#include "expected_errors.h"
#include "io/file.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <limits>

namespace nepenthe::evaluate {
namespace {

const Json& tofu_golden() {
    static const Json value =
        parse_json(io::read_file(NEPENTHE_SOURCE_DIR "/tests/golden/tofu/expected.json"), "expected.json");
    return value;
}

TofuSet set_named(const std::string& name) {
    for (const TofuSet set : kTofuSets) {
        if (tofu_set_name(set) == name) return set;
    }
    throw std::out_of_range(name);
}

constexpr std::pair<TruthRatio, const char*> kForms[] = {{TruthRatio::kGeometric, ""},
                                                         {TruthRatio::kArithmetic, "_arithmetic"}};
const char* name_of(TruthRatio form) { return form == TruthRatio::kGeometric ? "geometric" : "arithmetic"; }

std::vector<Json> rows_of(const Json& model, TruthRatio form) {
    std::vector<Json> rows;
    for (const Json& item : model["items"]) {
        Json row = {{"id", rows.size()}};
        add_tofu_measures(row, set_named(item["set"]),
                          {item["answer_nll"], item["paraphrase_nll"], item["perturbed_nll"]}, item["rouge"], form);
        rows.push_back(std::move(row));
    }
    return rows;
}

TEST(TofuMeasures, EveryQuestionAgreesWithNumpyInBothForms) {
    for (const char* model : {"model", "retain"}) {
        for (const auto& [form, suffix] : kForms) {
            const auto rows = rows_of(tofu_golden()[model], form);
            for (std::size_t i = 0; i < rows.size(); ++i) {
                const Json& item = tofu_golden()[model]["items"][i];
                const std::string prefix = "tofu_" + item["set"].get<std::string>();
                EXPECT_NEAR(rows[i][prefix + "_probability"], item["probability"].get<double>(), 1e-12) << item;
                EXPECT_NEAR(rows[i][prefix + "_truth_ratio" + suffix], item["truth_ratio"][name_of(form)].get<double>(),
                            1e-12)
                    << item;
                if (item["set"] == "forget") {
                    EXPECT_NEAR(rows[i]["forget_truth"].get<double>() * item["wrong_over_right"].get<double>(), 1,
                                1e-12);
                    EXPECT_TRUE(rows[i]["tofu_retain_probability"].is_null());
                }
            }
        }
    }
}

TEST(TofuMeasures, AggregatesAgreeWithScipyInBothForms) {
    for (const auto& [form, suffix] : kForms) {
        const auto result = make_result("tofu", tofu_metrics(form), rows_of(tofu_golden()["model"], form));
        const Json& expected = tofu_golden()["model"][name_of(form)];
        std::size_t compared = 0;
        for (const Metric& metric : result.metrics) {
            if (metric.name == std::string("tofu_model_utility") + suffix) {
                EXPECT_NEAR(metric.value, expected["model_utility"].get<double>(), 1e-12) << metric.name;
                ++compared;
            }
            for (const auto& [set, means] : expected["means"].items()) {
                const std::array<std::string, 3> names{"tofu_" + set + "_probability", "tofu_" + set + "_rouge",
                                                       "tofu_" + set + "_truth_ratio" + suffix};
                for (std::size_t i = 0; i < names.size(); ++i) {
                    if (metric.name != names[i]) continue;
                    EXPECT_NEAR(metric.value, means[i].get<double>(), 1e-12) << metric.name;
                    ++compared;
                }
            }
        }
        EXPECT_EQ(compared, 13u);
    }
    // The forms differ, so that neither can stand in for the other.
    EXPECT_GT(std::abs(tofu_golden()["model"]["geometric"]["model_utility"].get<double>() -
                       tofu_golden()["model"]["arithmetic"]["model_utility"].get<double>()),
              0.03);
}

// Means of Llama-2-7B taught all of TOFU, by the logs that its authors published: specs of the paper's table.
TEST(TofuMeasures, ModelUtilityIsThePublishedOneForThePublishedMeans) {
    const std::vector<std::pair<const char*, std::array<double, 3>>> means = {{"retain", {.9895, .9857, .4747}},
                                                                              {"real_authors", {.4555, .9330, .5962}},
                                                                              {"world_facts", {.4186, .8825, .5390}}};
    std::vector<Json> rows;
    for (const auto& [set, values] : means) {
        Json row = {{"id", rows.size()}};
        for (const std::string& name : tofu_metrics(TruthRatio::kGeometric)) row[name] = nullptr;
        const std::string prefix = std::string("tofu_") + set;
        row[prefix + "_probability"] = values[0];
        row[prefix + "_rouge"] = values[1];
        row[prefix + "_truth_ratio"] = values[2];
        rows.push_back(std::move(row));
    }
    EXPECT_NEAR(make_result("tofu", {"tofu_model_utility"}, rows).metrics[0].value, .6227, 5e-5);
}

// Published per-item logs of 300 questions: full against retain90, Llama-2-7B and Phi-1.5.
TEST(TofuMeasures, ForgetQualityIsThePublishedOneForThePublishedStatistics) {
    struct Case {
        int n, shift;
        double p;
    };
    for (const Case& expected : {Case{300, 119, 1.83e-21}, Case{300, 104, 2.19e-16}, Case{40, 40, 1.86e-23},
                                 Case{200, 200, 1.94e-119}, Case{300, 300, 1.48e-179}, Case{400, 400, 1.06e-239}}) {
        std::vector<double> one, other;
        for (int i = 0; i < expected.n; ++i) {
            one.push_back(i);
            other.push_back(i + expected.shift - 0.5);
        }
        const KolmogorovSmirnov test = ks_two_sample(one, other);
        EXPECT_NEAR(test.statistic, static_cast<double>(expected.shift) / expected.n, 1e-12);
        EXPECT_NEAR(test.p_value / expected.p, 1, 5e-3) << expected.n << " " << expected.shift;
    }
}

TEST(TofuMeasures, ForgetQualityAgreesWithScipy) {
    TaskResult retain{"tofu", {}, rows_of(tofu_golden()["retain"], TruthRatio::kGeometric), {}};
    TaskResult model{"tofu", {}, rows_of(tofu_golden()["model"], TruthRatio::kGeometric), {}};
    const Json quality = paired_measures(retain, model)["forget_quality"];
    EXPECT_NEAR(quality["value"], tofu_golden()["forget_quality"]["p_value"].get<double>(), 1e-12);
    EXPECT_NEAR(quality["statistic"], tofu_golden()["forget_quality"]["statistic"].get<double>(), 1e-12);
}

// Answers of which no probability is a number any more still have finite ratios, or the ends of their scale.
TEST(TofuMeasures, UnlikelyAnswersOverflowNothing) {
    for (const auto& [form, suffix] : kForms) {
        for (const TofuSet set : kTofuSets) {
            for (const TofuLikelihoods& far :
                 {TofuLikelihoods{2000, 2000, {2001, 2000}}, TofuLikelihoods{2000, 2000, {1, 2}},
                  TofuLikelihoods{1, 1, {2000, 3000}}}) {
                Json row;
                add_tofu_measures(row, set, far, 0, form);
                for (const auto& [name, value] : row.items()) {
                    EXPECT_TRUE(value.is_null() || std::isfinite(value.get<double>())) << name << " " << suffix;
                }
            }
        }
    }
    Json row;
    add_tofu_measures(row, TofuSet::kWorldFacts, {2000, 2000, {2000, 2000, 2000}}, 0, TruthRatio::kGeometric);
    EXPECT_DOUBLE_EQ(row["tofu_world_facts_probability"], 0.25);
    EXPECT_DOUBLE_EQ(row["tofu_world_facts_truth_ratio"], 0);
}

TEST(TofuMeasures, FormsAreNamedAndVersioned) {
    EXPECT_EQ(parse_truth_ratio("arithmetic"), TruthRatio::kArithmetic);
    nepenthe::testing::expect_contains(
        nepenthe::testing::message_of(ErrorKind::kUsage, [] { parse_truth_ratio("harmonic"); }), "choose geometric");
    EXPECT_EQ(metric_definition("tofu_model_utility").version, 2);
    EXPECT_EQ(metric_definition("tofu_model_utility_arithmetic").version, 1);
    EXPECT_EQ(changed_metric_versions()["tofu_retain_truth_ratio"], 2);
    for (const auto& [form, suffix] : kForms) {
        for (const std::string& name : tofu_metrics(form)) EXPECT_EQ(metric_definition(name).name, name) << suffix;
    }
}

}  // namespace
}  // namespace nepenthe::evaluate
