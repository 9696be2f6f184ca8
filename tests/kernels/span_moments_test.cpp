// Mean and variance of log p under p, span by span, against fp64 over the whole row.
#include "kernels/composed_softmax.h"
#include "kernels/odd_shapes.h"
#include "kernels/running_moments.h"
#include "kernels/span_softmax.h"

#include <gtest/gtest.h>
#include <torch/types.h>

#include <algorithm>
#include <bit>
#include <cmath>

namespace nepenthe::kernels {
namespace {

using namespace testing;

struct Moments {
    double mean = 0, variance = 0;
};

// μ = Σ p log p and σ² = Σ p (log p − μ)².
Moments by_formula(const std::vector<float>& row) {
    const auto most = static_cast<double>(*std::max_element(row.begin(), row.end()));
    double total = 0;
    for (const float logit : row) total += std::exp(static_cast<double>(logit) - most);
    Moments moments;
    const auto log_p = [&](float logit) { return static_cast<double>(logit) - most - std::log(total); };
    for (const float logit : row) {
        if (logit != kLowest) moments.mean += std::exp(log_p(logit)) * log_p(logit);
    }
    for (const float logit : row) {
        const double apart = log_p(logit) - moments.mean;
        if (logit != kLowest) moments.variance += std::exp(log_p(logit)) * apart * apart;
    }
    return moments;
}

RunningMoments in_spans(const std::vector<float>& row, std::int64_t width, Path path) {
    RunningMoments moments;
    for (std::int64_t begin = 0; std::cmp_less(begin, row.size()); begin += width) {
        const std::int64_t n = std::min(width, static_cast<std::int64_t>(row.size()) - begin);
        const float shift = span_maximum(row.data() + begin, n, path);
        moments.merge(static_cast<double>(shift), span_moments(row.data() + begin, n, shift, path));
    }
    return moments;
}

TEST(SpanMoments, EqualTheReferenceAtOddWidths) {
    for (const std::int64_t n : kWidths) {
        std::vector<float> row = random_row(n, 1, 4, n % 2 == 1);
        if (n % 3 == 0) mask_thirds(row);
        const float shift = span_maximum(row.data(), n);
        const SpanMoments exact = span_moments(row.data(), n, shift, Path::kReference),
                          portable = span_moments(row.data(), n, shift, Path::kPortable),
                          native = span_moments(row.data(), n, shift, Path::kNative);
        const auto near = [&](float one, float other) {
            // Lanes of thousands of terms, not of a whole vocabulary, are what it is meant for.
            EXPECT_NEAR(one, other, (n > 100000 ? 5e-5 : 1e-5) * (1e-3 + std::abs(static_cast<double>(other)))) << n;
        };
        near(portable.sum, exact.sum);
        near(portable.first, exact.first);
        near(portable.second, exact.second);
        const auto bits = [](const SpanMoments& of) {
            return bits_of(std::vector<float>{of.sum, of.first, of.second});
        };
        EXPECT_EQ(bits(native), bits(portable)) << n;
    }
}

TEST(SpanMoments, SpansMeetInTheWholeRowsMoments) {
    for (const double spread : {0.1, 1.0, 4.0, 20.0}) {
        for (const std::int64_t n : {1, 33, 4097, 32003}) {
            std::vector<float> row = random_row(n, 7, spread);
            if (n % 2 == 0) mask_thirds(row);
            const Moments exact = by_formula(row);
            for (const std::int64_t width : {16, 1000, 40000}) {
                for (const Path path : {Path::kReference, Path::kPortable}) {
                    const RunningMoments moments = in_spans(row, width, path);
                    EXPECT_NEAR(moments.mean_log_probability(), exact.mean, 2e-5 * (1 + std::abs(exact.mean)));
                    EXPECT_NEAR(moments.variance(), exact.variance, 1e-4 * (1e-3 + exact.variance)) << n << spread;
                }
            }
        }
    }
}

// log p is the same everywhere: its mean −ln n, its variance nothing.
TEST(SpanMoments, OfAUniformRow) {
    const std::vector<float> row(1000, 3.25f);
    const RunningMoments moments = in_spans(row, 300, Path::kPortable);
    EXPECT_NEAR(moments.mean_log_probability(), -std::log(1000.0), 1e-6);
    EXPECT_EQ(moments.variance(), 0);
}

// p = ¾, ¼: μ = ¾ ln ¾ + ¼ ln ¼, σ² = ¾·¼·ln² 3.
TEST(SpanMoments, OfTwoLogitsByHand) {
    const RunningMoments moments = in_spans({std::log(3.0f), 0.0f}, 1, Path::kPortable);
    EXPECT_NEAR(moments.mean_log_probability(), .75 * std::log(.75) + .25 * std::log(.25), 1e-6);
    EXPECT_NEAR(moments.variance(), 3.0 / 16 * std::log(3.0) * std::log(3.0), 1e-6);
}

// A row that begins with spans of −inf alone, and one of a single possible token.
TEST(SpanMoments, PassOverWhatHasNoProbability) {
    std::vector<float> row(100, kLowest);
    row[70] = 2.0f;
    const RunningMoments one = in_spans(row, 16, Path::kPortable);
    EXPECT_EQ(one.mean_log_probability(), 0);
    EXPECT_EQ(one.variance(), 0);
    row[71] = 2.0f;
    const RunningMoments two = in_spans(row, 16, Path::kPortable);
    EXPECT_NEAR(two.mean_log_probability(), -std::log(2.0), 1e-6);
}

TEST(SpanMoments, SayThatAnEntryIsNotFinite) {
    for (const float bad : {kNotANumber, kInfinity}) {
        for (const Path path : {Path::kReference, Path::kPortable, Path::kNative}) {
            std::vector<float> row = random_row(100, 2);
            row[50] = bad;
            EXPECT_FALSE(std::isfinite(in_spans(row, 30, path).variance()) &&
                         std::isfinite(in_spans(row, 30, path).mean_log_probability()));
        }
    }
}

TEST(SpanMoments, WholeRowsOnDevicesAreTheSame) {
    for (const std::int64_t n : {33, 4097}) {
        std::vector<float> all;
        for (const std::uint64_t seed : {1u, 2u, 3u}) {
            std::vector<float> row = random_row(n, seed);
            if (seed == 2) mask_thirds(row);
            all.insert(all.end(), row.begin(), row.end());
        }
        const at::Tensor logits = at::tensor(all, at::kFloat).view({3, n});
        const LogProbabilityMoments moments = composed_log_probability_moments(logits, composed_log_sum_exp(logits));
        for (std::int64_t row = 0; row < 3; ++row) {
            const float* data = logits[row].const_data_ptr<float>();
            const Moments exact = by_formula({data, data + n});
            EXPECT_NEAR(moments.mean[row].item<double>(), exact.mean, 2e-5 * (1 + std::abs(exact.mean)));
            EXPECT_NEAR(moments.variance[row].item<double>(), exact.variance, 1e-4 * (1e-3 + exact.variance));
        }
    }
}

}  // namespace
}  // namespace nepenthe::kernels
