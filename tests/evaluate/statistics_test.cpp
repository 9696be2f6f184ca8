// Intervals and tests against SciPy (tests/golden/make_statistics.py).

#include "evaluate/statistics.h"

#include "base/json.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <sstream>

namespace nepenthe::evaluate {
namespace {

// The generator of make_statistics.py.
std::vector<double> sample(std::uint64_t seed, std::size_t count, double shift = 0, int levels = 0) {
    std::uint64_t state = seed;
    std::vector<double> values;
    for (std::size_t i = 0; i < count; ++i) {
        state = 6364136223846793005u * state + 1442695040888963407u;
        const double value = static_cast<double>(state >> 11) / 9007199254740992.0;
        values.push_back((levels > 0 ? std::floor(value * levels) / levels : value) + shift);
    }
    return values;
}

const Json& golden() {
    static const Json value = [] {
        std::ifstream file(NEPENTHE_SOURCE_DIR "/tests/golden/statistics.json");
        std::stringstream text;
        text << file.rdbuf();
        return parse_json(text.str(), "statistics.json");
    }();
    return value;
}

void expect_relative(double actual, double expected, double tolerance, const Json& row) {
    EXPECT_LE(std::abs(actual - expected), tolerance * std::abs(expected)) << actual << " for " << row.dump();
}

TEST(Statistics, WilsonIntervalEqualsScipy) {
    for (const Json& row : golden()["wilson"]) {
        const Interval interval = wilson95(row[0], row[1]);
        EXPECT_NEAR(interval.low, row[2], 1e-12) << row.dump();
        EXPECT_NEAR(interval.high, row[3], 1e-12) << row.dump();
    }
    const Interval nothing = wilson95(0, 0);
    EXPECT_EQ(nothing.low, 0);
    EXPECT_EQ(nothing.high, 1);
}

TEST(Statistics, ClustersAreTheSamplingUnits) {
    const auto values = sample(5, 12);
    std::vector<std::size_t> alone(values.size());
    for (std::size_t i = 0; i < alone.size(); ++i) alone[i] = 7 * i + 3;
    const Interval by_value = mean95(values), by_cluster = clustered_mean95(values, alone);
    EXPECT_NEAR(by_cluster.low, by_value.low, 1e-15);
    EXPECT_NEAR(by_cluster.high, by_value.high, 1e-15);
    // Each value four times is known no better for it.
    std::vector<double> repeated;
    std::vector<std::size_t> cluster;
    for (std::size_t i = 0; i < 4 * values.size(); ++i) {
        repeated.push_back(values[i % values.size()]);
        cluster.push_back(i % values.size());
    }
    const Interval same = clustered_mean95(repeated, cluster);
    EXPECT_NEAR(same.low, by_value.low, 1e-15);
    EXPECT_NEAR(same.high, by_value.high, 1e-15);
    // By hand: clusters {0, 2} and {5}, mean 7/3, sums of deviations -8/3 and 8/3, half width z √(2 · 128/9) / 3.
    const Interval uneven = clustered_mean95(std::vector<double>{0, 2, 5}, std::vector<std::size_t>{1, 1, 0});
    EXPECT_NEAR(uneven.high - uneven.low, 2 * kZ95 * std::sqrt(2 * 128.0 / 9) / 3, 1e-14);
    EXPECT_TRUE(std::isnan(clustered_mean95(values, std::vector<std::size_t>(values.size(), 0)).low));
}

TEST(Statistics, MeanIntervalEqualsScipy) {
    for (const Json& row : golden()["mean"]) {
        const auto values = sample(row[0], row[0]);
        const Interval interval = mean95(values);
        expect_relative(interval.low, row[1], 1e-12, row);
        expect_relative(interval.high, row[2], 1e-12, row);
    }
    EXPECT_TRUE(std::isnan(mean95(std::vector<double>{1.0}).low));
}

TEST(Statistics, RatioIntervalOfEqualDenominatorsIsTheMeanInterval) {
    const auto values = sample(3, 200);
    const std::vector<double> ones(values.size(), 1.0);
    const Interval ratio = ratio95(values, ones), mean = mean95(values);
    EXPECT_NEAR(ratio.low, mean.low, 1e-12);
    EXPECT_NEAR(ratio.high, mean.high, 1e-12);
}

TEST(Statistics, RatioIntervalCoversTheTruth) {
    // Numerators are 2 × denominators plus noise: the interval must hold 2 in about 95 % of the repetitions.
    int held = 0;
    for (std::uint64_t repetition = 0; repetition < 400; ++repetition) {
        auto denominators = sample(1000 + repetition, 60, 0.5), noise = sample(900000 + repetition, 60, -0.5);
        std::vector<double> numerators(60);
        for (std::size_t i = 0; i < 60; ++i) numerators[i] = 2 * denominators[i] + noise[i];
        const Interval interval = ratio95(numerators, denominators);
        held += interval.low <= 2 && 2 <= interval.high;
    }
    EXPECT_GE(held, 366);
    EXPECT_LE(held, 394);
}

TEST(Statistics, McNemarEqualsScipy) {
    for (const Json& row : golden()["mcnemar"]) {
        expect_relative(mcnemar_exact(row[0], row[1]), row[2], 1e-9, row);
    }
}

TEST(Statistics, PairedTTestEqualsScipy) {
    for (const Json& row : golden()["paired_t"]) {
        const std::uint64_t n = row[0];
        expect_relative(paired_t_test(sample(n, n), sample(n + 1, n, row[1])), row[2], 1e-9, row);
    }
    EXPECT_EQ(paired_t_test(std::vector<double>{1, 2}, std::vector<double>{1, 2}), 1);
    EXPECT_EQ(paired_t_test(std::vector<double>{2, 3}, std::vector<double>{1, 2}), 0);
    EXPECT_TRUE(std::isnan(paired_t_test(std::vector<double>{2}, std::vector<double>{1})));
}

TEST(Statistics, KolmogorovSmirnovEqualsScipy) {
    for (const Json& row : golden()["ks"]) {
        const std::uint64_t n = row[0], m = row[1];
        const auto result = ks_two_sample(sample(n, n), sample(m + 7, m, row[2], row[3]));
        expect_relative(result.statistic, row[4], 1e-12, row);
        expect_relative(result.p_value, row[5], std::max(n, m) > 10000 ? 1e-6 : 1e-9, row);
    }
}

}  // namespace
}  // namespace nepenthe::evaluate
