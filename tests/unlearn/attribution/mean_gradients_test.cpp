// Gradients that scores are made of: the mean of each item's own, on any number of ranks, of any repetition of the set.

#include "unlearn/attribution/mean_gradients.h"

#include "dist/collectives.h"
#include "mpi_world.h"
#include "train/sequence_objective.h"
#include "train/tiny_decoder.h"
#include "train/trained_weights.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace nepenthe::unlearn {
namespace {

using testing::world;

// Two terms, one a side: the forget side's item i is sample i, the retain side's sample i + 20.
class TwoSides : public train::SequenceObjective {
  public:
    explicit TwoSides(std::int64_t items, std::int64_t repeated = 1)
        : SequenceObjective({train::SequenceTerm{{.name = "forget", .coefficient = -1, .side = train::Side::kForget}},
                             train::SequenceTerm{{.name = "retain", .coefficient = 1, .side = train::Side::kRetain}}}),
          items_(items),
          repeated_(repeated) {}

    std::int64_t items() const override { return items_ * repeated_; }

  protected:
    std::vector<train::ItemSample> samples(const train::Visit& visit) const override {
        const std::int64_t item = visit.item % items_;
        return {{0, testing::tiny_sample(item)}, {1, testing::tiny_sample(item + 20)}};
    }

  private:
    std::int64_t items_, repeated_;
};

// By parameter: the gradient of the mean over items of each item's mean loss.
std::vector<at::Tensor> plain(const model::Decoder& decoder, std::int64_t first, std::int64_t items) {
    std::vector<at::Tensor> leaves;
    for (const auto& named : decoder.parameters()) leaves.push_back(named.tensor.requires_grad_(true));
    std::int64_t labelled = 0;
    for (std::int64_t i = first; i < first + items; ++i) {
        const train::Sample sample = testing::tiny_sample(i);
        labelled += std::ranges::any_of(sample.labels, [](auto label) { return label != train::kIgnore; }) ? 1 : 0;
    }
    for (std::int64_t i = first; i < first + items; ++i) {
        const train::Sample sample = testing::tiny_sample(i);
        const at::Tensor labels = at::tensor(sample.labels, at::kLong);
        if (labels.ne(train::kIgnore).sum().item<std::int64_t>() == 0) continue;
        const std::vector<std::int64_t> ids(sample.ids.begin(), sample.ids.end());
        const at::Tensor logits = decoder.logits({at::tensor(ids, at::kLong).unsqueeze(0), {}}).squeeze(0);
        (at::cross_entropy_loss(logits, labels, {}, at::Reduction::Mean, train::kIgnore) /
         static_cast<double>(labelled))
            .backward();
    }
    std::vector<at::Tensor> out;
    for (at::Tensor& leaf : leaves) {
        out.push_back(leaf.grad().flatten().clone());
        leaf.mutable_grad() = at::Tensor();
        leaf.requires_grad_(false);
    }
    return out;
}

TEST(MeanGradients, AreThoseOfPlainAutograd) {
    const auto decoder = model::Decoder::create(testing::tiny_config(), 1, model::Compute::kFloat32);
    const std::vector<at::Tensor> forget = plain(decoder, 0, 9), retain = plain(decoder, 20, 9);
    const TwoSides objective(9);
    const train::TrainedWeights weights(decoder, objective, 4096, world->size());
    const auto collectives = dist::make_mpi_collectives(*world);
    for (const auto& [side, wanted, sign] :
         {std::tuple{train::Side::kForget, forget, -1.0}, std::tuple{train::Side::kRetain, retain, 1.0}}) {
        const at::Tensor mine = mean_gradient(*world, *collectives, decoder, objective, weights, side, "test");
        const train::FlatLayout& layout = weights.layout();
        for (std::size_t bucket = 0; bucket < layout.buckets.size(); ++bucket) {
            for (const train::FlatRange& range : train::owned_ranges(layout, bucket, world->rank())) {
                std::size_t place = 0;
                for (std::size_t i = 0; const auto& named : decoder.parameters()) {
                    if (named.name == layout.parameters[range.parameter].name) place = i;
                    ++i;
                }
                const at::Tensor right = wanted[place].narrow(0, range.parameter_begin, range.numel) * sign;
                EXPECT_TRUE(at::allclose(mine.narrow(0, range.shard_begin, range.numel), right, 1e-4, 1e-7));
            }
        }
    }
}

// γ belongs to mean gradients: a set that is repeated asks for the same mask.
TEST(MeanGradients, OfARepeatedSetAreTheSame) {
    const auto decoder = model::Decoder::create(testing::tiny_config(), 1, model::Compute::kFloat32);
    const auto collectives = dist::make_mpi_collectives(*world);
    const auto gradient = [&](std::int64_t repeated) {
        const TwoSides objective(9, repeated);
        const train::TrainedWeights weights(decoder, objective, 4096, world->size());
        return mean_gradient(*world, *collectives, decoder, objective, weights, train::Side::kForget, "test");
    };
    EXPECT_TRUE(at::allclose(gradient(1), gradient(2), 1e-6, 1e-10));
}

}  // namespace
}  // namespace nepenthe::unlearn
