// What the model says at the start: its own distributions on any number of ranks, found again by a run that goes on.

#include "unlearn/start/frozen_start.h"

#include "base/error.h"
#include "material.h"
#include "mpi_world.h"
#include "shared_folder.h"
#include "text/tokenizer.h"
#include "train/loss.h"
#include "train/micro_batch.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>

namespace nepenthe::unlearn {
namespace {

std::vector<train::Sample> stories() {
    const auto tokenizer = text::Tokenizer::load(nepenthe::testing::kStories);
    return causal_samples(
        {tokenizer.encode("Once upon a time, there was a big dog. He liked to run in the park.", true).ids,
         tokenizer.encode("The cat sat down. It was sad.", true).ids,
         tokenizer.encode("Lily had a red ball and played with her friend all day.", true).ids});
}

class AFrozenStart : public ::testing::Test {
  protected:
    FrozenStart start() { return {*testing::world, decoder_, samples_, drawn_, folder_.path() / "retained"}; }

    testing::SharedFolder folder_{*testing::world};
    model::Decoder decoder_ = model::Decoder::load(nepenthe::testing::kStories, model::Compute::kFloat32);
    std::vector<train::Sample> samples_ = stories();
    std::vector<std::size_t> drawn_ = {2, 0, 2};  // the second block is not drawn, the last one twice
};

TEST_F(AFrozenStart, IsTheModelsOwnProbabilities) {
    const FrozenStart kept = start();
    for (const std::size_t i : drawn_) {
        const train::Sample sample = kept.sample(i);
        ASSERT_EQ(sample.ids, samples_[i].ids);
        const at::NoGradGuard no_gradients;
        const at::Tensor ids = at::tensor(at::ArrayRef<text::TokenId>(sample.ids), at::kLong).unsqueeze(0);
        const at::Tensor expected = at::softmax(decoder_.logits({ids, {}})[0].to(at::kDouble), -1);
        for (std::size_t t = 0; t + 1 < sample.ids.size(); ++t) {
            const train::Distribution& target = sample.targets[t];
            EXPECT_TRUE(std::ranges::is_sorted(target.ids));
            EXPECT_EQ(target.weight, 1.0f);
            double sum = 0, least = 1;
            for (std::size_t j = 0; j < target.ids.size(); ++j) {
                const double p = expected[static_cast<std::int64_t>(t)][target.ids[j]].item<double>();
                EXPECT_NEAR(target.probabilities[j], p, 1e-5);
                sum += p, least = std::min(least, p);
            }
            EXPECT_NEAR(target.rest, 1.0 - sum, 1e-4);
            // Nothing likelier is left out.
            const std::int64_t likelier = (expected[static_cast<std::int64_t>(t)] >= least).sum().item<std::int64_t>();
            EXPECT_EQ(likelier, static_cast<std::int64_t>(target.ids.size()));
        }
    }
}

// The gradient of a divergence is nothing where the two distributions are one.
TEST_F(AFrozenStart, HoldsTheModelWhereItIs) {
    for (const auto& parameter : decoder_.parameters()) at::Tensor(parameter.tensor).set_requires_grad(true);
    const auto gradient = [&](const train::Sample& sample) {
        const train::MicroBatch micro =
            train::make_micro_batch({sample}, decoder_.config().vocabulary, decoder_.device());
        const at::Tensor hidden = decoder_.hidden_states(micro.batch).flatten(0, 1).index_select(0, micro.supervised);
        train::cross_entropy_sum(decoder_, hidden, micro.targets).backward();
        double sum = 0;
        for (const auto& parameter : decoder_.parameters()) {
            sum += parameter.tensor.grad().pow(2).sum().item<double>();
            at::Tensor(parameter.tensor).mutable_grad() = at::Tensor();
        }
        return std::sqrt(sum);
    };
    const double of_text = gradient(samples_[0]);
    EXPECT_GT(of_text, 0.0);
    EXPECT_LT(gradient(start().sample(0)), 1e-3 * of_text);
}

TEST_F(AFrozenStart, IsFoundByARunThatGoesOn) {
    const train::Sample before = start().sample(0);
    for (const auto& parameter : decoder_.parameters()) at::Tensor(parameter.tensor).zero_();
    const train::Sample after = start().sample(0);
    EXPECT_EQ(after.targets[0].probabilities, before.targets[0].probabilities);
    drawn_ = {1};
    EXPECT_THROW(start(), Error);  // another run's folder
}

TEST_F(AFrozenStart, OfNothingIsNothing) {
    drawn_.clear();
    EXPECT_NO_THROW(start());
    EXPECT_FALSE(std::filesystem::exists(folder_.path() / "retained"));
}

}  // namespace
}  // namespace nepenthe::unlearn
