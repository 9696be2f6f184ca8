// What devices run, on the host: against sums in fp64, values and gradients.
#include "kernels/composed_softmax.h"

#include "kernels/odd_shapes.h"
#include "kernels/running_softmax.h"
#include "kernels/span_softmax.h"

#include <gtest/gtest.h>
#include <torch/types.h>

#include <algorithm>
#include <cmath>

namespace nepenthe::kernels {
namespace {

using namespace testing;

at::Tensor random_rows(std::int64_t rows, std::int64_t n, std::uint64_t seed, bool ties = false) {
    std::vector<float> all = random_row(rows * n, seed, 4, ties);
    return at::tensor(all, at::kFloat).view({rows, n});
}

at::Tensor some_targets(std::int64_t rows, std::int64_t n) {
    std::vector<std::int64_t> targets;
    for (std::int64_t row = 0; row < rows; ++row) targets.push_back(row == 0 ? n - 1 : (row * 7919) % n);
    return at::tensor(targets, at::kLong);
}

double most(const at::Tensor& difference) { return difference.abs().max().item<double>(); }

class ComposedSoftmax : public ::testing::TestWithParam<std::int64_t> {};

TEST_P(ComposedSoftmax, EqualsTheReferenceSpanBySpan) {
    for (const std::int64_t rows : {1, 3}) {
        const at::Tensor logits = random_rows(rows, GetParam(), 1, rows == 3);
        const at::Tensor sums = composed_log_sum_exp(logits), best = composed_first_maximum(logits);
        for (std::int64_t row = 0; row < rows; ++row) {
            const float* data = logits[row].const_data_ptr<float>();
            const float largest = span_maximum(data, GetParam(), Path::kReference);
            RunningSoftmax softmax;
            softmax.merge(static_cast<double>(largest),
                          static_cast<double>(sum_of_exponentials(data, GetParam(), largest, Path::kReference)));
            EXPECT_NEAR(sums[row].item<double>(), softmax.log_sum_exp(), 1e-5);
            EXPECT_EQ(best[row].item<std::int64_t>(), std::find(data, data + GetParam(), largest) - data);
        }
    }
}

TEST_P(ComposedSoftmax, LikelihoodAndGradientAreThoseOfItsFormula) {
    for (const std::int64_t rows : {1, 3}) {
        const at::Tensor logits = random_rows(rows, GetParam(), 2), targets = some_targets(rows, GetParam());
        const at::Tensor sums = composed_log_sum_exp(logits);
        const at::Tensor log_p = logits.to(at::kDouble).log_softmax(1);
        const at::Tensor exact = -log_p.gather(1, targets.unsqueeze(1)).squeeze(1);
        EXPECT_LT(most(composed_likelihood_loss(logits, sums, targets).to(at::kDouble) - exact), 1e-5);
        const at::Tensor wanted = log_p.exp() - at::one_hot(targets, GetParam()).to(at::kDouble);
        EXPECT_LT(most(composed_likelihood_gradient(logits, sums, targets).to(at::kDouble) - wanted), 1e-6);
    }
}

TEST_P(ComposedSoftmax, DivergenceAndGradientAreThoseOfItsFormula) {
    const at::Tensor logits = random_rows(3, GetParam(), 3), reference = random_rows(3, GetParam(), 4);
    at::Tensor gradient;
    const at::Tensor divergence = composed_divergence(logits, composed_log_sum_exp(logits), reference, gradient);
    const at::Tensor log_p = logits.to(at::kDouble).log_softmax(1), log_q = reference.to(at::kDouble).log_softmax(1);
    const at::Tensor exact = (log_p.exp() * (log_p - log_q)).sum(1, true);
    EXPECT_LT(most(divergence.to(at::kDouble) - exact.squeeze(1)), 1e-4);
    EXPECT_LT(most(gradient.to(at::kDouble) - log_p.exp() * (log_p - log_q - exact)), 2e-5);
}

INSTANTIATE_TEST_SUITE_P(Widths, ComposedSoftmax, ::testing::ValuesIn(kWidths));

TEST(ComposedSoftCap, BendsLogitsAndGradients) {
    const at::Tensor logits = random_rows(3, 33, 5), capped = composed_soft_cap(logits, 4.0);
    const at::Tensor share = at::tanh(logits.to(at::kDouble) / 4.0);
    EXPECT_LT(most(capped.to(at::kDouble) - 4.0 * share), 1e-6);
    at::Tensor gradient = at::ones({3, 33});
    composed_gradient_through_cap(gradient, capped, 4.0);
    EXPECT_LT(most(gradient.to(at::kDouble) - (1.0 - share.square())), 1e-6);
    EXPECT_TRUE(composed_soft_cap(logits, 0.0).equal(logits));
}

TEST(ComposedSoftmaxRows, OfMinusInfinityAndNaN) {
    at::Tensor logits = random_rows(3, 17, 6);
    logits[0].narrow(0, 1, 16).fill_(kLowest);
    logits[1][4] = kNotANumber;
    const at::Tensor sums = composed_log_sum_exp(logits);
    EXPECT_EQ(sums[0].item<float>(), logits[0][0].item<float>());
    EXPECT_TRUE(std::isnan(sums[1].item<float>()));
    EXPECT_TRUE(std::isfinite(sums[2].item<float>()));
}

}  // namespace
}  // namespace nepenthe::kernels
