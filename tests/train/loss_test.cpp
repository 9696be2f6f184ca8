// The chunked loss against ATen's cross-entropy on the whole logits, gradients included.
#include "train/loss.h"
#include "train/head_loss.h"

#include "train/tiny_decoder.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace nepenthe::train {
namespace {

struct Case {
    at::Tensor normed, unembedding, bias, targets;
};

Case random_case(std::int64_t n, std::int64_t vocabulary, bool biased) {
    torch::manual_seed(5);
    return {at::randn({n, 16}), at::randn({vocabulary, 16}), biased ? at::randn({vocabulary}) : at::Tensor(),
            at::randint(vocabulary, {n}, at::kLong)};
}

void compare(std::int64_t vocabulary, std::int64_t chunk, double cap, bool biased, bool composed = false) {
    Case given = random_case(37, vocabulary, biased);
    HeadLossInput input{.normed = given.normed,
                        .unembedding = given.unembedding,
                        .bias = given.bias,
                        .targets = Targets::of_tokens(given.targets),
                        .soft_cap = cap,
                        .scale = 0.5,
                        .chunk = chunk,
                        .composed = composed};
    input.unembedding_gradient = at::full_like(given.unembedding, 7.0);  // must be overwritten
    const HeadLoss mine = head_loss(input);

    for (at::Tensor* leaf : {&given.normed, &given.unembedding, &given.bias}) {
        if (leaf->defined()) {
            leaf->requires_grad_(true);
        }
    }
    at::Tensor logits = at::mm(given.normed, given.unembedding.t());
    if (biased) {
        logits = logits + given.bias;
    }
    if (cap > 0) {
        logits = at::tanh(logits / cap) * cap;
    }
    const at::Tensor loss = at::cross_entropy_loss(logits, given.targets, {}, at::Reduction::Sum);
    (loss * 0.5).backward();
    EXPECT_NEAR(mine.sum, loss.item<double>(), 1e-5 * std::abs(loss.item<double>()));
    EXPECT_TRUE(at::allclose(mine.normed_gradient, given.normed.grad(), 1e-4, 1e-5));
    EXPECT_TRUE(at::allclose(input.unembedding_gradient, given.unembedding.grad(), 1e-4, 1e-5));
    EXPECT_TRUE(mine.finite_gradient);
    if (biased) {
        EXPECT_TRUE(at::allclose(mine.bias_gradient, given.bias.grad(), 1e-4, 1e-5));
    }
}

TEST(HeadLoss, AgreesWithAtenInOneTile) { compare(101, 0, 0, false); }
TEST(HeadLoss, AgreesWithAtenOverSeveralTilesAndChunks) { compare(20011, 10, 0, false); }
TEST(HeadLoss, AgreesWithAtenThroughSoftCapAndBias) { compare(8193, 16, 4.0, true); }

TEST(HeadLoss, AgreesWithAtenAsDevicesRunIt) {
    compare(101, 0, 0, false, true);
    compare(8193, 16, 4.0, true, true);
}

TEST(HeadLoss, KeepsBFloat16WithinItsRounding) {
    const Case given = random_case(24, 9001, false);
    HeadLossInput exact{.normed = given.normed.to(at::kBFloat16).to(at::kFloat),
                        .unembedding = given.unembedding.to(at::kBFloat16).to(at::kFloat),
                        .targets = Targets::of_tokens(given.targets)};
    exact.unembedding_gradient = at::empty_like(given.unembedding);
    const HeadLoss reference = head_loss(exact);
    HeadLossInput low = exact;
    low.normed = given.normed.to(at::kBFloat16);
    low.unembedding = given.unembedding.to(at::kBFloat16);
    low.unembedding_gradient = at::empty_like(given.unembedding);
    const HeadLoss mine = head_loss(low);
    EXPECT_NEAR(mine.sum / reference.sum, 1.0, 2e-3);
    const at::Tensor error = (low.unembedding_gradient - exact.unembedding_gradient).norm();
    EXPECT_LT(error.item<double>(), 0.02 * exact.unembedding_gradient.norm().item<double>());
}

TEST(HeadLoss, SaysThatAGradientIsNotFinite) {
    Case given = random_case(4, 50, false);
    given.normed[2][3] = std::numeric_limits<float>::quiet_NaN();
    HeadLossInput input{
        .normed = given.normed, .unembedding = given.unembedding, .targets = Targets::of_tokens(given.targets)};
    input.unembedding_gradient = at::empty_like(given.unembedding);
    const HeadLoss loss = head_loss(input);
    EXPECT_FALSE(loss.finite_gradient);
    EXPECT_TRUE(std::isnan(loss.sum));
}

// The loss of targets.h written down from its definition, on whole rows of logits.
at::Tensor distribution_loss(const at::Tensor& logits, const std::vector<Distribution>& rows) {
    const at::Tensor p = logits.to(at::kDouble).softmax(1);
    at::Tensor sum = at::zeros({}, at::kDouble);
    for (std::size_t r = 0; r < rows.size(); ++r) {
        at::Tensor loss = at::zeros({}, at::kDouble), named = at::zeros({}, at::kDouble);
        for (std::size_t i = 0; i < rows[r].ids.size(); ++i) {
            const at::Tensor of_id = p[static_cast<std::int64_t>(r)][rows[r].ids[i]];
            loss = loss - of_id.log() * static_cast<double>(rows[r].probabilities[i]);
            named = named + of_id;
        }
        if (rows[r].rest > 0) loss = loss - (1.0 - named).log() * static_cast<double>(rows[r].rest);
        sum = sum + loss * static_cast<double>(rows[r].weight);
    }
    return sum;
}

std::vector<Distribution> some_distributions(std::int64_t n, std::int64_t vocabulary) {
    std::vector<Distribution> rows;
    for (std::int64_t r = 0; r < n; ++r) {
        Distribution row;
        row.ids = {r % 3, 3 + r, vocabulary / 2 + r, vocabulary - 1};
        row.probabilities = {0.5f, 0.0f, 0.2f, 0.1f};
        row.rest = 0.2f;
        if (r % 3 == 1) row = {row.ids, {0.25f, 0.25f, 0.5f, 0.0f}, 0.0f};
        if (r % 5 == 2) row = {{vocabulary / 3}, {1.0f}};
        row.weight = r % 4 == 3 ? 0.0f : 0.5f + static_cast<float>(r % 4);
        rows.push_back(row);
    }
    return rows;
}

void compare_distributions(std::int64_t vocabulary, std::int64_t chunk, double cap, bool composed = false) {
    Case given = random_case(19, vocabulary, false);
    const std::vector<Distribution> rows = some_distributions(19, vocabulary);
    HeadLossInput input{.normed = given.normed,
                        .unembedding = given.unembedding,
                        .targets = Targets::of(rows, at::kCPU),
                        .soft_cap = cap,
                        .scale = 0.5,
                        .chunk = chunk,
                        .composed = composed};
    input.unembedding_gradient = at::empty_like(given.unembedding);
    const HeadLoss mine = head_loss(input);
    given.normed.requires_grad_(true);
    given.unembedding.requires_grad_(true);
    at::Tensor logits = at::mm(given.normed, given.unembedding.t());
    if (cap > 0) logits = at::tanh(logits / cap) * cap;
    const at::Tensor loss = distribution_loss(logits, rows);
    (loss * 0.5).backward();
    EXPECT_NEAR(mine.sum, loss.item<double>(), 1e-5 * loss.item<double>());
    EXPECT_TRUE(at::allclose(mine.normed_gradient, given.normed.grad(), 1e-4, 1e-5));
    EXPECT_TRUE(at::allclose(input.unembedding_gradient, given.unembedding.grad(), 1e-4, 1e-5));
}

TEST(HeadLoss, TakesDistributionsInOneTile) { compare_distributions(101, 0, 0); }
TEST(HeadLoss, TakesDistributionsOverSeveralTilesAndChunks) { compare_distributions(20011, 5, 0); }
TEST(HeadLoss, TakesDistributionsThroughASoftCap) { compare_distributions(9001, 7, 3.0); }

TEST(HeadLoss, TakesDistributionsAsDevicesDo) {
    compare_distributions(101, 0, 0, true);
    compare_distributions(9001, 7, 3.0, true);
}

// A distribution that is the model's own asks for nothing, whatever it names: rounding would be a direction, too.
TEST(HeadLoss, IsAtRestWhereTheModelSaysWhatIsWanted) {
    const Case given = random_case(6, 301, false);
    const at::Tensor p = at::mm(given.normed, given.unembedding.t()).softmax(1);
    std::vector<Distribution> rows(6);
    for (std::size_t r = 0; r < rows.size(); ++r) {
        double rest = 1;
        for (std::int64_t id = static_cast<std::int64_t>(r); id < 301; id += 40) {
            rows[r].ids.push_back(id);
            rows[r].probabilities.push_back(p[static_cast<std::int64_t>(r)][id].item<float>());
            rest -= static_cast<double>(rows[r].probabilities.back());
        }
        rows[r].rest = std::max(static_cast<float>(rest), 0.0f);
    }
    const auto largest_gradient = [&](bool composed) {
        HeadLossInput input{.normed = given.normed,
                            .unembedding = given.unembedding,
                            .targets = Targets::of(rows, at::kCPU),
                            .composed = composed};
        input.unembedding_gradient = at::empty_like(given.unembedding);
        const HeadLoss loss = head_loss(input);
        return std::max(loss.normed_gradient.abs().max().item<double>(),
                        input.unembedding_gradient.abs().max().item<double>());
    };
    for (const bool composed : {false, true})
        EXPECT_EQ(largest_gradient(composed), 0.0) << (composed ? "composed" : "on the host");
    rows[2].probabilities[0] += 1e-4f;
    rows[2].rest -= 1e-4f;
    for (const bool composed : {false, true}) EXPECT_GT(largest_gradient(composed), 1e-5);
}

// What is left beside a token that is all but certain keeps its digits: 1 − p would have none of them.
TEST(HeadLoss, KnowsHowLittleACertainTokenLeaves) {
    for (const bool composed : {false, true}) {
        Case given = random_case(4, 101, false);
        given.normed.zero_();
        given.normed.select(1, 0).fill_(1.0f);
        given.unembedding.zero_();
        given.unembedding[7][0] = 25.0f;  // the others leave e^-25 each
        given.unembedding[3][0] = 2.0f;
        const std::vector<Distribution> rows(4, Distribution{{7}, {0.0f}, 1.0f});
        HeadLossInput input{.normed = given.normed,
                            .unembedding = given.unembedding,
                            .targets = Targets::of(rows, at::kCPU),
                            .composed = composed};
        input.unembedding_gradient = at::empty_like(given.unembedding);
        const HeadLoss mine = head_loss(input);
        const double others = 99 + std::exp(2.0);
        EXPECT_NEAR(mine.sum, 4 * (25 - std::log(others)), 1e-4);
        EXPECT_NEAR(input.unembedding_gradient[3][0].item<double>(), -4 * std::exp(2.0) / others, 1e-5);
        EXPECT_NEAR(input.unembedding_gradient[7][0].item<double>(), 4, 1e-5);
    }
}

TEST(CrossEntropySum, GivesAutogradWhatTheWholeHeadGives) {
    torch::manual_seed(6);
    for (const bool tied : {true, false}) {
        const model::Decoder decoder = model::Decoder::create(testing::tiny_config(tied), 3, model::Compute::kFloat32);
        for (const auto& named : decoder.parameters()) {
            named.tensor.requires_grad_(true);
        }
        const model::Batch batch{at::randint(101, {2, 9}, at::kLong), {}};
        const at::Tensor targets = at::randint(101, {18}, at::kLong);
        (cross_entropy_sum(decoder, decoder.hidden_states(batch).flatten(0, 1), Targets::of_tokens(targets), 5) * 0.25)
            .backward();
        std::vector<at::Tensor> mine;
        for (const auto& named : decoder.parameters()) {
            mine.push_back(named.tensor.grad().clone());
            named.tensor.mutable_grad() = at::Tensor();
        }
        (at::cross_entropy_loss(decoder.logits(batch).flatten(0, 1), targets, {}, at::Reduction::Sum) * 0.25)
            .backward();
        for (std::size_t i = 0; i < mine.size(); ++i) {
            const model::NamedTensor named = decoder.parameters()[i];
            EXPECT_TRUE(at::allclose(mine[i], named.tensor.grad(), 1e-4, 1e-6)) << named.name;
        }
    }
}

}  // namespace
}  // namespace nepenthe::train
