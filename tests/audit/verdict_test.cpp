// Lines judged from rows: which bound counts, what belongs together, what stays open.

#include "audit/verdict.h"

#include "evaluate/metric.h"
#include "evaluate/statistics.h"
#include "expected_errors.h"

#include <gtest/gtest.h>

#include <cmath>

namespace nepenthe::audit {
namespace {

evaluate::TaskResult masses(const std::vector<double>& values, const std::vector<std::string>& documents = {}) {
    std::vector<Json> rows;
    for (std::size_t i = 0; i < values.size(); ++i) {
        rows.push_back({{"id", i}, {"content_mass", values[i]}, {"generic_mass", 0.5}});
        if (!documents.empty()) rows.back()["document"] = documents[i];
    }
    return evaluate::make_result("familiarity_probability", {"content_mass", "generic_mass"}, std::move(rows));
}

Line line() {
    Line out;
    out.name = "familiarity";
    out.task = "familiarity_probability";
    out.metric = "content_mass";
    return out;
}

Measured only(Steps steps) { return {{{Subject::kAudited, std::move(steps)}}}; }

Verdict judged(const Line& what, const Measured& measured, Judged by = Judged::kInterval) {
    Policy policy;
    policy.judged = by;
    return judge(policy, what, measured);
}

TEST(Verdict, TheWholeIntervalMustKeepToTheLimit) {
    const Measured measured = only({{0, {masses({0.02, 0.04, 0.06, 0.08})}}});  // .05 ± .0253
    Line at_most = line();
    at_most.at_most = 0.06;
    EXPECT_EQ(judged(at_most, measured).outcome, Outcome::kFail);
    EXPECT_EQ(judged(at_most, measured, Judged::kValue).outcome, Outcome::kPass);
    at_most.at_most = 0.08;
    EXPECT_EQ(judged(at_most, measured).outcome, Outcome::kPass);
    Line at_least = line();
    at_least.at_least = 0.03;
    EXPECT_EQ(judged(at_least, measured).outcome, Outcome::kFail);
    at_least.at_least = 0.02;
    EXPECT_EQ(judged(at_least, measured).outcome, Outcome::kPass);
    EXPECT_NEAR(judged(at_least, measured).value, 0.05, 1e-15);
}

TEST(Verdict, ItemsOfOneDocumentAreOneSamplingUnit) {
    const std::vector<double> values = {0.0, 0.0, 0.2, 0.2};
    Line what = line();
    what.at_most = 0.35;
    const Verdict apart = judged(what, only({{0, {masses(values)}}}));
    const Verdict together = judged(what, only({{0, {masses(values, {"a", "a", "b", "b"})}}}));
    EXPECT_EQ(apart.clusters, 4);
    EXPECT_EQ(together.clusters, 2);
    EXPECT_NEAR(apart.value, together.value, 1e-15);
    EXPECT_LT(apart.high - apart.low, together.high - together.low);
    const Verdict one = judged(what, only({{0, {masses(values, {"a", "a", "a", "a"})}}}));
    EXPECT_EQ(one.outcome, Outcome::kOpen);
    EXPECT_EQ(one.reason, "1 sampling units give no interval");
    EXPECT_EQ(judged(what, only({{0, {masses(values, {"a", "a", "a", "a"})}}}), Judged::kValue).outcome,
              Outcome::kPass);
}

TEST(Verdict, TwoModelsAreComparedItemByItem) {
    // Apart, either mean is uncertain by .4; item by item the two differ by .01 throughout.
    Measured measured = only({{0, {masses({0.11, 0.91, 0.51})}}});
    Line difference = line();
    difference.minus = Subject::kRetrained;
    difference.at_most = 0.02;
    EXPECT_EQ(judged(difference, measured).outcome, Outcome::kOpen);
    EXPECT_EQ(judged(difference, measured).reason, "no retrained model was given (--retrained)");
    measured[0][Subject::kRetrained] = {{0, {masses({0.1, 0.9, 0.5})}}};
    const Verdict verdict = judged(difference, measured);
    EXPECT_EQ(verdict.outcome, Outcome::kPass);
    EXPECT_NEAR(verdict.value, 0.01, 1e-12);
    EXPECT_NEAR(verdict.high, 0.01, 1e-12);
    Line share = line();
    share.over = Subject::kRetrained;
    share.at_least = 0.95;
    EXPECT_EQ(judged(share, measured).outcome, Outcome::kPass);
    EXPECT_NEAR(judged(share, measured).value, 1.53 / 1.5, 1e-12);
    measured[0][Subject::kRetrained] = {{0, {masses({0.1, 0.9})}}};
    testing::message_of(ErrorKind::kData, [&] { judged(share, measured); });
}

TEST(Verdict, TheRatiosIntervalIsFiellersToFirstOrder) {
    // R = a/b: var R ≈ Σ ((a_i − ā) − R (b_i − b̄))² / (n (n−1) b̄²), by hand.
    const std::vector<double> a = {0.2, 0.5, 0.3, 0.6}, b = {0.4, 0.6, 0.7, 0.5};
    Measured measured = only({{0, {masses(a)}}});
    measured[0][Subject::kBefore] = {{0, {masses(b)}}};
    Line what = line();
    what.over = Subject::kBefore;
    what.at_least = 0;
    const Verdict verdict = judged(what, measured);
    const double mean_a = 0.4, mean_b = 0.55, ratio = mean_a / mean_b;
    double squares = 0;
    for (std::size_t i = 0; i < a.size(); ++i) squares += std::pow(a[i] - mean_a - ratio * (b[i] - mean_b), 2);
    const double half = evaluate::kZ95 * std::sqrt(squares / 12) / mean_b;
    EXPECT_NEAR(verdict.value, ratio, 1e-12);
    EXPECT_NEAR(verdict.high - verdict.low, 2 * half, 1e-12);
}

TEST(Verdict, TheWorstStepCounts) {
    const Measured measured =
        only({{0, {masses({0.01, 0.01})}}, {10, {masses({0.5, 0.5})}}, {20, {masses({0.2, 0.2})}}});
    Line what = line();
    what.at_most = 0.1;
    EXPECT_EQ(judged(what, measured).outcome, Outcome::kFail);
    EXPECT_EQ(judged(what, measured).step, 10);
    what.step = 0;
    EXPECT_EQ(judged(what, measured).outcome, Outcome::kPass);
}

TEST(Verdict, AProportionOfNothingIsNotCertain) {
    std::vector<Json> rows;
    for (int i = 0; i < 10; ++i) rows.push_back({{"id", i}, {"acc", 0}, {"document", i < 5 ? "a" : "b"}});
    const evaluate::TaskResult none = evaluate::make_result("piqa", {"acc"}, std::move(rows));
    Line what = line();
    what.task = "piqa";
    what.metric = "acc";
    what.at_most = 0.5;
    const Verdict verdict = judged(what, only({{0, {none}}}));
    EXPECT_NEAR(verdict.high, evaluate::wilson95(0, 2).high, 1e-12);
    EXPECT_EQ(verdict.outcome, Outcome::kFail);
    what.metric = "acc_norm";
    EXPECT_NE(testing::message_of(ErrorKind::kData,
                                  [&] {
                                      judged(what, only({{0, {none}}}));
                                  })
                  .find("it has acc"),
              std::string::npos);
}

}  // namespace
}  // namespace nepenthe::audit
