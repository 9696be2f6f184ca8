// Masks of single weights, and frozen modules: what may not move keeps its bits through decay and momentum, what may
// moves as if the rest were not there, on any number of ranks.

#include "base/error.h"
#include "dist/collectives.h"
#include "mpi_world.h"
#include "shared_folder.h"
#include "train/sequence_objective.h"
#include "train/tiny_decoder.h"
#include "train/trainer.h"

#include <gtest/gtest.h>

#include <functional>

namespace nepenthe::train {
namespace {

using model::Compute;
using model::Decoder;
using testing::world;

TrainOptions training() {
    TrainOptions options;
    options.lr = 3e-3;
    options.weight_decay = 0.1;
    options.global_batch = 7;
    options.micro_batch = 2;
    options.max_steps = 12;
    options.bucket_bytes = 4096;
    options.checkpoint_minutes = 0;
    options.deterministic = true;
    return options;
}

bool third(const std::string& parameter, std::int64_t i) {
    return (i + static_cast<std::int64_t>(parameter.size())) % 3 == 0;
}

MovingWeights moving(const std::function<bool(const std::string&, std::int64_t)>& moves) {
    MovingWeights out;
    out.digest = "test";
    out.read = [moves](const std::string& parameter, std::int64_t begin, std::span<std::uint8_t> bits) {
        for (std::size_t i = 0; i < bits.size(); ++i)
            bits[i] = moves(parameter, begin + static_cast<std::int64_t>(i)) ? 1 : 0;
    };
    return out;
}

Decoder trained(const TrainOptions& options, Compute compute = Compute::kFloat32,
                const std::filesystem::path& folder = {}, std::int64_t until = 1000,
                std::vector<StepReport>* reports = nullptr) {
    Decoder decoder = Decoder::create(testing::tiny_config(), 1, compute);
    const auto collectives = dist::make_mpi_collectives(*world);
    SampleObjective objective(40, testing::tiny_sample);
    const TrainReport report = train(*world, *collectives, decoder, objective, options, folder,
                                     [&](const StepReport& step) { return step.step < until; });
    if (reports != nullptr) *reports = report.steps;
    return decoder;
}

TEST(MaskedTraining, FrozenWeightsKeepTheirBits) {
    for (const Compute compute : {Compute::kFloat32, Compute::kBFloat16}) {
        const Decoder before = Decoder::create(testing::tiny_config(), 1, compute);
        TrainOptions options = training();
        options.moving = moving(third);
        const Decoder after = trained(options, compute);
        std::int64_t moved = 0, free = 0;
        for (const auto& named : before.parameters()) {
            const at::Tensor was = named.tensor.flatten().to(at::kFloat);
            const at::Tensor is = after.parameter(named.name).flatten().to(at::kFloat);
            for (std::int64_t i = 0; i < was.numel(); ++i) {
                const bool same = was[i].item<float>() == is[i].item<float>();
                if (!third(named.name, i)) {
                    ASSERT_TRUE(same) << named.name << "[" << i << "]";
                } else {
                    ++free;
                    moved += same ? 0 : 1;
                }
            }
        }
        EXPECT_GT(moved, free / 2);
    }
}

TEST(MaskedTraining, AMaskOfAllIsNoMask) {
    TrainOptions options = training();
    std::vector<StepReport> dense_steps, masked_steps;
    const Decoder dense = trained(options, Compute::kFloat32, {}, 1000, &dense_steps);
    options.moving = moving([](const std::string&, std::int64_t) { return true; });
    const Decoder masked = trained(options, Compute::kFloat32, {}, 1000, &masked_steps);
    EXPECT_TRUE(at::equal(testing::all_weights(dense), testing::all_weights(masked)));
    ASSERT_EQ(dense_steps.size(), masked_steps.size());
    for (std::size_t i = 0; i < dense_steps.size(); ++i) {
        EXPECT_EQ(dense_steps[i].gradient_norm, masked_steps[i].gradient_norm);
    }
}

// The norm that clips is that of the weights that move: with the embedding frozen it is that of all others.
TEST(MaskedTraining, FrozenWeightsAreNoPartOfTheNorm) {
    const auto others = [](const std::string& name, std::int64_t) { return name.find("embed") == std::string::npos; };
    TrainOptions options = training();
    options.max_steps = 1;
    std::vector<StepReport> dense, masked;
    trained(options, Compute::kFloat32, {}, 1000, &dense);
    options.moving = moving(others);
    trained(options, Compute::kFloat32, {}, 1000, &masked);
    EXPECT_LT(masked.front().gradient_norm, dense.front().gradient_norm);
    EXPECT_GT(masked.front().gradient_norm, 0);
    EXPECT_EQ(masked.front().loss, dense.front().loss);
}

// Whole modules left out are no part of the optimizer: the rest moves as with a mask that holds them, bit for bit.
TEST(FrozenModules, MoveTheRestAsAMaskOfTheRestDoes) {
    const auto frozen = [](const std::string& name) {
        return name.find("embed") != std::string::npos || name.find("norm") != std::string::npos;
    };
    for (const bool checkpointing : {false, true}) {
        TrainOptions options = training();
        options.activation_checkpointing = checkpointing;
        TrainOptions modules = options;
        options.moving = moving([&](const std::string& name, std::int64_t) { return !frozen(name); });
        modules.frozen = {"embedding", "norm"};
        const Decoder before = Decoder::create(testing::tiny_config(), 1, Compute::kFloat32);
        const Decoder after = trained(modules);
        EXPECT_TRUE(at::equal(testing::all_weights(after), testing::all_weights(trained(options))));
        std::int64_t held = 0;
        for (const auto& named : before.parameters()) {
            EXPECT_EQ(at::equal(named.tensor, after.parameter(named.name)), frozen(named.name)) << named.name;
            held += frozen(named.name) ? 1 : 0;
        }
        EXPECT_GT(held, 2);
    }
}

TEST(FrozenModules, ThatTheModelLacksAreRefusedWithThoseItHas) {
    TrainOptions options = training();
    options.frozen = {"qkv", "norm", "gate_up"};
    try {
        trained(options);
        FAIL();
    } catch (const Error& error) {
        EXPECT_EQ(error.kind(), ErrorKind::kUsage);
        for (const char* part : {"\"qkv\"", "\"gate_up\"", "embedding, norm"})
            EXPECT_NE(std::string(error.what()).find(part), std::string::npos) << error.what();
        EXPECT_EQ(std::string(error.what()).find("\"norm\""), std::string::npos) << error.what();
    }
    options.frozen = {"embedding", "norm", "q", "k", "v", "o", "gate", "up", "down"};
    EXPECT_THROW(trained(options), Error);
}

TEST(MaskedTraining, GoesOnBitForBitAndOnlyWithTheSameMask) {
    const testing::SharedFolder folder(*world);
    TrainOptions options = training();
    options.moving = moving(third);
    options.checkpoint_steps = 4;
    const at::Tensor whole = testing::all_weights(trained(options));
    trained(options, Compute::kFloat32, folder.path(), 6);
    EXPECT_TRUE(at::equal(testing::all_weights(trained(options, Compute::kFloat32, folder.path())), whole));
    options.moving.digest = "another";
    EXPECT_THROW(trained(options, Compute::kFloat32, folder.path()), Error);
}

}  // namespace
}  // namespace nepenthe::train
