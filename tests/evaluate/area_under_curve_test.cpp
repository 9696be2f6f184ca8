// The area under the ROC curve and DeLong's variance against their definitions (tests/golden/make_membership.py).

#include "evaluate/area_under_curve.h"

#include "base/error.h"
#include "evaluate/metric.h"
#include "io/file.h"

#include <gtest/gtest.h>

#include <cmath>
#include <utility>

namespace nepenthe::evaluate {
namespace {

// The generator of make_statistics.py.
std::vector<double> sample(std::uint64_t seed, std::size_t count, int levels) {
    std::uint64_t state = seed;
    std::vector<double> values;
    for (std::size_t i = 0; i < count; ++i) {
        state = 6364136223846793005u * state + 1442695040888963407u;
        values.push_back(std::floor(static_cast<double>(state >> 11) / 9007199254740992.0 * levels) / levels);
    }
    return values;
}

AreaUnderCurve area_of(const std::vector<double>& high, const std::vector<double>& low) {
    std::vector<double> scores = high;
    scores.insert(scores.end(), low.begin(), low.end());
    std::vector<int> groups(high.size(), 1);
    groups.resize(scores.size(), -1);
    return area_under_curve(scores, groups);
}

// Of the mean of the values.
double variance(const std::vector<double>& values) {
    const Interval interval = mean95(values);
    return std::pow((interval.high - interval.low) / 2 / kZ95, 2);
}

double mean(const std::vector<double>& values) {
    double sum = 0;
    for (const double value : values) sum += value;
    return sum / static_cast<double>(values.size());
}

// 1 and 3 against 0 and 2: three of four pairs are won; components ½ 1 and 1 ½, so that S₁ = S₀ = ⅛.
TEST(AreaUnderCurve, OfTwoAndTwoByHand) {
    const AreaUnderCurve area = area_of({1, 3}, {0, 2});
    EXPECT_EQ(area.wins, 3);
    EXPECT_EQ(area.pairs, 4);
    EXPECT_EQ(area.value, .75);
    EXPECT_NEAR(mean(area.influence), .75, 1e-15);
    EXPECT_NEAR(variance(area.influence), .125, 1e-15);
    const Interval interval = delong95(area);
    EXPECT_NEAR(interval.low, .75 - kZ95 * std::sqrt(.125), 1e-12);
    EXPECT_EQ(interval.high, 1) << "an area lies in [0, 1]";
    EXPECT_EQ(area_of({1, 1}, {1, 1}).value, .5);
}

TEST(AreaUnderCurve, VariancesAreDeLongs) {
    const Json golden = parse_json(io::read_file(NEPENTHE_SOURCE_DIR "/tests/golden/membership/expected.json"), "");
    for (const Json& row : golden["samples"]) {
        std::vector<AreaUnderCurve> areas;
        const std::uint64_t m = row["m"], n = row["n"];
        for (const std::uint64_t seed : {m, 1000 + n}) {
            areas.push_back(area_of(sample(seed + 1, m, row["levels"]), sample(seed + 2, n, row["levels"])));
            const Json& expected = row["areas"][areas.size() - 1];
            EXPECT_NEAR(areas.back().value, expected["value"].get<double>(), 1e-12);
            EXPECT_NEAR(areas.back().wins, expected["wins"].get<double>(), 1e-9);
            EXPECT_NEAR(mean(areas.back().influence), areas.back().value, 1e-12);
            EXPECT_NEAR(variance(areas.back().influence), expected["variance"].get<double>(), 1e-12) << row;
        }
        // Two classifiers on the same items: the covariance counts.
        std::vector<double> differences;
        for (std::size_t i = 0; i < m + n; ++i) differences.push_back(areas[0].influence[i] - areas[1].influence[i]);
        EXPECT_NEAR(variance(differences), row["variance_of_difference"].get<double>(), 1e-12) << row;
    }
}

TEST(AreaUnderCurve, WithoutAnIntervalWhereNoneCanBeTold) {
    EXPECT_TRUE(std::isnan(area_of({}, {1, 2}).value));
    EXPECT_EQ(area_of({2}, {1, 3}).value, .5);
    EXPECT_TRUE(std::isnan(delong95(area_of({2}, {1, 3})).low)) << "one item has no variance";
    const AreaUnderCurve apart = area_of({3, 4}, {1, 2});
    EXPECT_EQ(apart.value, 1);
    EXPECT_TRUE(std::isnan(delong95(apart).low)) << "groups that do not overlap";
}

// Rows of neither group move nothing.
TEST(AreaUnderCurve, AsAMetricOfRows) {
    std::vector<Json> rows;
    for (const auto& [score, group] : {std::pair{1.0, 1}, {3.0, 1}, {0.0, -1}, {2.0, -1}}) {
        rows.push_back({{"id", rows.size()}, {"min_k_auc", {score, group}}});
        rows.push_back({{"id", rows.size()}, {"min_k_auc", nullptr}});
    }
    const MetricDefinition& definition = metric_definition("min_k_auc");
    const Metric metric = aggregate_rows(definition, rows);
    EXPECT_EQ(metric.value, .75);
    EXPECT_EQ(metric.numerator, 3);
    EXPECT_EQ(metric.denominator, 4);
    const Estimate whole = estimate(definition, rows);
    EXPECT_NEAR(variance(whole.influence), .125, 1e-12);
    EXPECT_NEAR(mean(whole.influence), .75, 1e-12);
    EXPECT_EQ(whole.influence[1], .75);

    const Json pair = compare({make_result("membership", {"min_k_auc"}, rows)},
                              {make_result("membership", {"min_k_auc"}, rows)})["membership"];
    EXPECT_EQ(pair["min_k_auc"]["difference"], 0);
    EXPECT_EQ(pair["min_k_auc"]["p_value"], 1);
}

// A group that is missing is a value of nothing, said so.
TEST(AreaUnderCurve, OfOneGroupAlone) {
    const std::vector<Json> rows = {{{"id", 0}, {"min_k_auc", {1.0, 1}}}};
    const Json metric = aggregate_rows(metric_definition("min_k_auc"), rows).to_json();
    EXPECT_TRUE(metric["value"].is_null());
    EXPECT_EQ(metric["reason"], "none of the items has it");
}

}  // namespace
}  // namespace nepenthe::evaluate
