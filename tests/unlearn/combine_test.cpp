// The combination against a plain restatement, on random logits; specs: unlearning.md §16.4, §16.5.

#include "unlearn/relabel/combine.h"

#include "base/error.h"
#include "base/random.h"
#include "kernels/combine.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <span>

namespace nepenthe::unlearn {
namespace {

constexpr std::int64_t kRows = 12;

struct Logits {
    std::vector<float> b, r;
};

Logits random_logits(std::int64_t vocabulary, std::uint64_t seed, double correlation = 0.9) {
    RandomStream random(seed, "combine_test", 0);
    Logits out;
    for (std::int64_t i = 0; i < kRows * vocabulary; ++i) {
        const double shared = 4 * random.normal();
        out.b.push_back(static_cast<float>(shared));
        out.r.push_back(static_cast<float>(correlation * shared + random.normal() + 1));
    }
    return out;
}

CombinedRows combine(const Logits& logits, std::int64_t vocabulary, const CombineOptions& options,
                     const std::vector<text::TokenId>& forbidden = {}) {
    CombinedRows out;
    out.resize(kRows, static_cast<std::int64_t>(options.alphas.size()), options.top_k);
    std::vector<float> b = logits.b;
    const std::vector<std::span<const text::TokenId>> rows(kRows, forbidden);
    combine_rows(b, logits.r, kRows, vocabulary, rows, options, out, 0);
    return out;
}

double plain_lse(const float* row, std::int64_t vocabulary) {
    double sum = 0;
    for (std::int64_t i = 0; i < vocabulary; ++i) sum += std::exp(static_cast<double>(row[i]));
    return std::log(sum);
}

// v written down from its definition.
float plain_value(Combine kind, float b, float r, float lse_b, float lse_r, float alpha) {
    if (kind == Combine::kLogits) return kernels::combine_value(b, r, alpha);
    if (kind == Combine::kLogProbs) return kernels::combine_value(b - lse_b, r - lse_r, alpha);
    const auto odds = [](float log_p) {
        const double p = std::exp(static_cast<double>(log_p));
        return static_cast<double>(log_p) - std::log(std::max(1 - p, 1e-6));
    };
    const double over = odds(r - lse_r) - odds(b - lse_b);
    return over > 0 ? static_cast<float>(static_cast<double>(b - lse_b) - static_cast<double>(alpha) * over)
                    : b - lse_b;
}

// The least plausible logit: relative to the greatest, or with log-odds to the greatest that the book did not teach.
float plain_bar(Combine kind, std::span<const float> b, std::span<const float> r, float lse_b, float lse_r,
                float plausible) {
    float reference = -std::numeric_limits<float>::infinity();
    for (std::size_t t = 0; t < b.size(); ++t) {
        if (kind != Combine::kLogOdds || r[t] - lse_r <= b[t] - lse_b) reference = std::max(reference, b[t]);
    }
    return reference + std::log(plausible);
}

class CombineKinds : public ::testing::TestWithParam<std::tuple<Combine, std::int64_t>> {};

TEST_P(CombineKinds, EqualsThePlainRestatement) {
    const auto [kind, vocabulary] = GetParam();
    const Logits logits = random_logits(vocabulary, 1);
    const CombineOptions options{kind, {0, 0.5, 2.5, 5, 10, 20}, std::min<std::int64_t>(64, vocabulary)};
    const CombinedRows out = combine(logits, vocabulary, options);
    for (std::int64_t row = 0; row < kRows; ++row) {
        const auto at = static_cast<std::size_t>(row);
        const float* b = logits.b.data() + row * vocabulary;
        const float* r = logits.r.data() + row * vocabulary;
        EXPECT_NEAR(out.lse_baseline[at], plain_lse(b, vocabulary), 2e-6 * std::abs(plain_lse(b, vocabulary)));
        EXPECT_NEAR(out.lse_reinforced[at], plain_lse(r, vocabulary), 2e-6 * std::abs(plain_lse(r, vocabulary)));
        EXPECT_NEAR(out.mean_baseline[at], std::accumulate(b, b + vocabulary, 0.0) / static_cast<double>(vocabulary),
                    1e-5);
        const float lse_b = out.lse_baseline[at], lse_r = out.lse_reinforced[at];
        for (std::size_t i = 0; i < options.alphas.size(); ++i) {
            std::vector<float> v;
            for (std::int64_t t = 0; t < vocabulary; ++t) {
                v.push_back(plain_value(kind, b[t], r[t], lse_b, lse_r, options.alphas[i]));
                ASSERT_LE(v.back(), kind == Combine::kLogits ? b[t] : b[t] - lse_b);  // v ≤ b
            }
            const auto best = std::max_element(v.begin(), v.end());  // the first of equals
            const std::size_t cell = at * options.alphas.size() + i;
            EXPECT_EQ(out.label[cell], best - v.begin());
            const float first = *best;
            *best = -std::numeric_limits<float>::infinity();
            EXPECT_EQ(out.margin[cell], first - *std::max_element(v.begin(), v.end()));
        }
        EXPECT_EQ(out.label[at * options.alphas.size()], out.baseline_argmax[at]);  // α = 0
    }
}

TEST_P(CombineKinds, CertifiedTopKGivesTheLabelOfTheWholeVocabulary) {
    const auto [kind, vocabulary] = GetParam();
    for (std::uint64_t seed = 2; seed < 6; ++seed) {
        const Logits logits = random_logits(vocabulary, seed, 0.5);
        const CombineOptions options{kind, {0, 1, 2.5, 5, 10}, std::min<std::int64_t>(8, vocabulary)};
        const CombinedRows out = combine(logits, vocabulary, options);
        std::size_t certified = 0;
        for (std::size_t row = 0; row < kRows; ++row) {
            for (std::size_t i = 0; i < options.alphas.size(); ++i) {
                const TopKDecision decision = decide_from_top_k(top_k_row(out, row), options.rule(i));
                const std::size_t cell = row * options.alphas.size() + i;
                EXPECT_EQ(decision.certified, out.certificate[cell] == 1);
                if (!decision.certified) continue;
                ++certified;
                EXPECT_EQ(decision.label, out.label[cell]);
                EXPECT_LE(decision.margin, out.margin[cell]);
            }
        }
        EXPECT_GT(certified, kRows);  // the test must not be empty: α = 0 alone gives this many
    }
}

TEST_P(CombineKinds, LabelsAreWhatTheBaselineFindsPlausible) {
    const auto [kind, vocabulary] = GetParam();
    const Logits logits = random_logits(vocabulary, 3);
    for (const float plausible : {1.0f, 0.5f, 0.1f, 1e-3f}) {
        const CombineOptions options{kind, {0, 1, 5}, std::min<std::int64_t>(16, vocabulary), plausible};
        const CombinedRows out = combine(logits, vocabulary, options);
        for (std::int64_t row = 0; row < kRows; ++row) {
            const auto at = static_cast<std::size_t>(row);
            const float* b = logits.b.data() + row * vocabulary;
            const float* r = logits.r.data() + row * vocabulary;
            const float lse_b = out.lse_baseline[at], lse_r = out.lse_reinforced[at];
            const auto n = static_cast<std::size_t>(vocabulary);
            const float bar = plain_bar(kind, {b, n}, {r, n}, lse_b, lse_r, plausible);
            for (std::size_t i = 0; i < options.alphas.size(); ++i) {
                std::vector<std::pair<float, std::int64_t>> v;  // falling, ties by rising id
                for (std::int64_t t = 0; t < vocabulary; ++t) {
                    if (b[t] >= bar) v.emplace_back(-plain_value(kind, b[t], r[t], lse_b, lse_r, options.alphas[i]), t);
                }
                std::sort(v.begin(), v.end());
                const std::size_t cell = at * options.alphas.size() + i;
                EXPECT_EQ(out.label[cell], v[0].second);
                EXPECT_EQ(out.margin[cell], v.size() > 1 ? v[1].first - v[0].first : -std::log(plausible));
                const auto k = static_cast<std::size_t>(options.top_k);
                const TopKDecision decision = decide_from_top_k(top_k_row(out, at), options.rule(i));
                EXPECT_EQ(decision.certified, out.certificate[cell] == 1);
                // All plausible tokens are among the kept ones: nothing is left to prove.
                EXPECT_TRUE(decision.certified || v.size() >= k);
                if (!decision.certified) continue;
                EXPECT_EQ(decision.label, out.label[cell]);
                EXPECT_LE(decision.margin, out.margin[cell]);
            }
        }
    }
}

TEST_P(CombineKinds, EqualModelsGiveTheBaselinesArgmaxForEveryAlpha) {
    const auto [kind, vocabulary] = GetParam();
    Logits logits = random_logits(vocabulary, 7);
    logits.r = logits.b;
    const CombineOptions options{kind, {0, 1, 5, 100}, 2};
    const CombinedRows out = combine(logits, vocabulary, options);
    for (std::size_t cell = 0; cell < out.label.size(); ++cell) {
        EXPECT_EQ(out.label[cell], out.baseline_argmax[cell / options.alphas.size()]);
    }
}

INSTANTIATE_TEST_SUITE_P(All, CombineKinds,
                         ::testing::Combine(::testing::Values(Combine::kLogits, Combine::kLogProbs, Combine::kLogOdds),
                                            ::testing::Values(9, 16, 100, 2048, 5003)));

TEST(CombineRows, ForbiddenTokensGetTheMeanOfTheUntouchedRow) {
    Logits logits = random_logits(50, 8);
    for (std::size_t row = 0; row < kRows; ++row) logits.b[row * 50 + 7] = 30;
    logits.r = logits.b;
    const CombinedRows free = combine(logits, 50, {Combine::kLogits, {5}, 50});
    const CombinedRows out = combine(logits, 50, {Combine::kLogits, {5}, 50}, {7});
    for (std::size_t row = 0; row < kRows; ++row) {
        EXPECT_EQ(free.label[row], 7);
        EXPECT_NE(out.label[row], 7);
        EXPECT_EQ(out.mean_baseline[row], free.mean_baseline[row]);
        const auto index =
            std::find(out.top_index.begin() + static_cast<std::ptrdiff_t>(row * 50), out.top_index.end(), 7);
        EXPECT_EQ(out.top_baseline[static_cast<std::size_t>(index - out.top_index.begin())], out.mean_baseline[row]);
    }
}

TEST(CombineRows, TiesGoToTheLowestId) {
    Logits logits{std::vector<float>(kRows * 40, 1.0f), std::vector<float>(kRows * 40, 1.0f)};
    for (std::size_t row = 0; row < kRows; ++row) logits.b[row * 40 + 21] = logits.b[row * 40 + 37] = 2;
    const CombinedRows out = combine(logits, 40, {Combine::kLogits, {0, 5}, 3});
    EXPECT_EQ(out.label[0], 21);
    EXPECT_EQ(out.label[1], 21);
    EXPECT_EQ(out.margin[0], 0);
    EXPECT_EQ(out.top_index[0], 21);
    EXPECT_EQ(out.top_index[1], 37);
    EXPECT_EQ(out.top_index[2], 0);
}

TEST(CombineRows, RefusesNumbersThatAreNotFinite) {
    for (const float bad : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
        for (const bool in_baseline : {true, false}) {
            Logits logits = random_logits(50, 9);
            (in_baseline ? logits.b : logits.r)[3 * 50 + 49] = bad;
            try {
                combine(logits, 50, {Combine::kLogProbs, {5}, 4});
                FAIL();
            } catch (const Error& error) {
                EXPECT_EQ(error.kind(), ErrorKind::kGate);
                EXPECT_NE(std::string(error.what()).find(in_baseline ? "baseline" : "reinforced"), std::string::npos);
            }
        }
    }
}

}  // namespace
}  // namespace nepenthe::unlearn
