// Training on 1 to 4 ranks: the same weights, checkpoints for any number of ranks, failures that all ranks report
// alike.
#include "base/error.h"
#include "base/hash.h"
#include "dist/collectives.h"
#include "mpi_world.h"
#include "shared_folder.h"
#include "train/gradient_buckets.h"
#include "train/sample_order.h"
#include "train/schedule.h"
#include "train/sequence_objective.h"
#include "train/tiny_decoder.h"
#include "train/trainer.h"

#include <fmt/ranges.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <limits>

namespace nepenthe::train {
namespace {

namespace fs = std::filesystem;
using model::Compute;
using model::Decoder;
using testing::world;

TrainOptions options_of(bool deterministic) {
    TrainOptions options;
    options.lr = 3e-3;
    options.weight_decay = 0.01;
    options.global_batch = 7;  // 4 micro-batches, the last one short: 3 ranks do not divide them
    options.micro_batch = 2;
    options.max_steps = 20;
    options.warmup_steps = 2;
    options.bucket_bytes = 4096;  // several buckets
    options.checkpoint_minutes = 0;
    options.deterministic = deterministic;
    return options;
}

struct Outcome {
    at::Tensor weights;
    TrainReport report;
};

Outcome run(const dist::Comm& comm, const TrainOptions& options, Compute compute = Compute::kFloat32,
            const fs::path& folder = {}, const StepHook& hook = {},
            const model::DecoderConfig& config = testing::tiny_config()) {
    Decoder decoder = Decoder::create(config, 1, compute);
    const auto collectives = dist::make_mpi_collectives(comm);
    SampleObjective objective(40, testing::tiny_sample);
    const TrainReport report = train(comm, *collectives, decoder, objective, options, folder, hook);
    return {testing::all_weights(decoder), report};
}

// Sample by sample with plain autograd and ATen's fused AdamW, on this process alone.
Outcome reference(const TrainOptions& options, const model::DecoderConfig& config = testing::tiny_config()) {
    const Decoder decoder = Decoder::create(config, 1, Compute::kFloat32);
    std::vector<at::Tensor> weights, first, second;
    for (const auto& named : decoder.parameters()) {
        weights.push_back(named.tensor.requires_grad_(true));
        first.push_back(at::zeros_like(named.tensor));
        second.push_back(at::zeros_like(named.tensor));
    }
    SampleOrder order(options.seed, 40);
    Outcome outcome;
    // Loss and gradients of a step at the weights as they are.
    const auto gradients_of = [&](std::int64_t step, std::vector<at::Tensor>& gradients) {
        at::Tensor sum = at::zeros({});
        std::int64_t count = 0;
        for (std::int64_t position = (step - 1) * options.global_batch; position < step * options.global_batch;
             ++position) {
            const Sample sample = testing::tiny_sample(order.at(position));
            const std::vector<std::int64_t> ids(sample.ids.begin(), sample.ids.end());
            const at::Tensor logits = decoder.logits({at::tensor(ids, at::kLong).unsqueeze(0), {}}).squeeze(0);
            const at::Tensor labels = at::tensor(sample.labels, at::kLong);
            sum = sum + at::cross_entropy_loss(logits, labels, {}, at::Reduction::Sum, kIgnore);
            count += labels.ne(kIgnore).sum().item<std::int64_t>();
        }
        const at::Tensor loss = sum / static_cast<double>(count);
        loss.backward();
        gradients.clear();
        for (at::Tensor& weight : weights) {
            gradients.push_back(weight.grad());
            weight.mutable_grad() = at::Tensor();
        }
        return loss.item<double>();
    };
    const auto norm_of = [](const std::vector<at::Tensor>& gradients) {
        double squares = 0;
        for (const at::Tensor& gradient : gradients) squares += gradient.to(at::kDouble).square().sum().item<double>();
        return std::sqrt(squares);
    };
    for (std::int64_t step = 1; step <= options.max_steps; ++step) {
        std::vector<at::Tensor> gradients;
        outcome.report.steps.push_back({.step = step, .loss = gradients_of(step, gradients)});
        if (options.pair.radius > 0) {
            const std::vector<at::Tensor> uphill = gradients;
            const double factor = options.pair.radius / norm_of(uphill);
            std::vector<at::Tensor> here;
            for (std::size_t i = 0; i < weights.size(); ++i) {
                here.push_back(weights[i].detach().clone());
                weights[i].detach().add_(uphill[i], factor);
            }
            gradients_of(step, gradients);
            for (std::size_t i = 0; i < weights.size(); ++i) weights[i].detach().copy_(here[i]);
        }
        const double norm = norm_of(gradients);
        const at::NoGradGuard no_grad;
        for (std::size_t i = 0; i < weights.size(); ++i) {
            gradients[i].mul_(std::min(1.0, options.clip_norm / norm));
            at::_fused_adamw_({weights[i]}, {gradients[i]}, {first[i]}, {second[i]}, {},
                              {at::scalar_tensor(static_cast<double>(step))},
                              learning_rate(options, step, options.max_steps), options.beta1, options.beta2,
                              weights[i].dim() > 1 ? options.weight_decay : 0.0, options.epsilon, false, false);
        }
    }
    outcome.weights = testing::all_weights(decoder);
    return outcome;
}

// Every rank has these bits.
void expect_equal_on_all_ranks(const at::Tensor& weights) {
    const std::string mine(static_cast<const char*>(weights.const_data_ptr()), weights.nbytes());
    for (const std::string& other : world->all_gather(sha256_hex(mine))) {
        EXPECT_EQ(other, sha256_hex(mine));
    }
}

TEST(Train, EqualsOneProcessWithPlainAutograd) {
    TrainOptions options = options_of(false);
    options.lr = 1e-4;  // Adam magnifies the rounding of gradients near its epsilon by the rate
    const Outcome mine = run(*world, options), plain = reference(options);
    EXPECT_LT((mine.weights - plain.weights).abs().max().item<double>(), 1e-6);
    for (std::size_t i = 0; i < plain.report.steps.size(); ++i) {
        EXPECT_NEAR(mine.report.steps[i].loss / plain.report.steps[i].loss, 1.0, 1e-5);
    }
    EXPECT_GT(mine.report.changed_share, 0.9);
    expect_equal_on_all_ranks(mine.weights);
}

// Sharpness-aware steps: the gradient is that of a place uphill, the step is made from here.
TEST(Train, LooksForItsGradientUphillAsAPlainLoopDoes) {
    TrainOptions options = options_of(false);
    options.lr = 1e-4;
    options.max_steps = 6;
    const Outcome straight = run(*world, options);
    options.pair.radius = 0.5;
    const Outcome mine = run(*world, options), plain = reference(options);
    EXPECT_LT((mine.weights - plain.weights).abs().max().item<double>(), 1e-6);
    EXPECT_GT((mine.weights - straight.weights).abs().max().item<double>(), 1e-5);
    for (std::size_t i = 0; i < plain.report.steps.size(); ++i) {
        EXPECT_NEAR(mine.report.steps[i].loss / plain.report.steps[i].loss, 1.0, 1e-5);
    }
    expect_equal_on_all_ranks(mine.weights);
    // In bf16 it comes back to the very bits: a radius that rounds to nothing changes nothing.
    options.pair.radius = 1e-30;
    const at::Tensor aside = run(*world, options, Compute::kBFloat16).weights;
    options.pair.radius = 0;
    EXPECT_TRUE(at::equal(aside, run(*world, options, Compute::kBFloat16).weights));
}

// Multipliers, a norm behind the embedding and biases of attention reach the gradients that bypass autograd.
TEST(Train, EqualsPlainAutogradInOtherFamilies) {
    const Json granite = {{"model_type", "granite"},    {"vocab_size", 101},          {"hidden_size", 12},
                          {"num_hidden_layers", 2},     {"intermediate_size", 23},    {"num_attention_heads", 2},
                          {"embedding_multiplier", 12}, {"logits_scaling", 0.25},     {"residual_multiplier", 0.3},
                          {"attention_multiplier", 2},  {"tie_word_embeddings", true}};
    const Json bloom = {
        {"model_type", "bloom"}, {"vocab_size", 101}, {"hidden_size", 12}, {"n_layer", 2}, {"n_head", 3}};
    const Json mpt = {{"model_type", "mpt"}, {"vocab_size", 101}, {"d_model", 12}, {"n_layers", 2}, {"n_heads", 3}};
    for (const Json& json : {granite, bloom, mpt}) {
        TrainOptions options = options_of(false);
        options.lr = 1e-4;
        options.max_steps = 5;
        const model::DecoderConfig config = model::parse_config(json);
        const Outcome mine = run(*world, options, Compute::kFloat32, {}, {}, config);
        const Outcome plain = reference(options, config);
        EXPECT_LT((mine.weights - plain.weights).abs().max().item<double>(), 1e-6) << config.family;
        for (std::size_t i = 0; i < plain.report.steps.size(); ++i) {
            EXPECT_NEAR(mine.report.steps[i].loss / plain.report.steps[i].loss, 1.0, 1e-5) << config.family;
        }
    }
}

// Position t of sample i: two tokens and the rest, of a weight that some positions lack.
Sample weighed_sample(std::int64_t index) {
    Sample sample = testing::tiny_sample(index);
    for (std::size_t t = 0; t < sample.ids.size(); ++t) {
        Distribution target{{}, {0.5f, 0.2f}, 0.3f, static_cast<float>((index + static_cast<std::int64_t>(t)) % 3)};
        const auto first = static_cast<std::int64_t>(t) * 7;
        target.ids = {first, first + 5 + index % 4};
        sample.targets.push_back(target);
    }
    return sample;
}

// The mean is over the weights of the global batch, whatever rank holds which of its samples.
TEST(Train, WeighsTargetsOverTheWholeBatch) {
    TrainOptions options = options_of(true);
    options.max_steps = 3;
    Decoder decoder = Decoder::create(testing::tiny_config(), 1, Compute::kFloat32);
    const Decoder untrained = Decoder::create(testing::tiny_config(), 1, Compute::kFloat32);
    const auto collectives = dist::make_mpi_collectives(*world);
    SampleObjective objective(40, weighed_sample);
    const TrainReport report = train(*world, *collectives, decoder, objective, options, {});

    SampleOrder order(options.seed, 40);
    double sum = 0, weights = 0;
    const at::NoGradGuard no_grad;
    for (std::int64_t position = 0; position < options.global_batch; ++position) {
        const Sample sample = weighed_sample(order.at(position));
        const std::vector<std::int64_t> ids(sample.ids.begin(), sample.ids.end());
        const at::Tensor p =
            untrained.logits({at::tensor(ids, at::kLong).unsqueeze(0), {}}).squeeze(0).to(at::kDouble).softmax(1);
        for (std::size_t t = 0; t < sample.ids.size(); ++t) {
            if (sample.labels[t] == kIgnore) continue;
            const Distribution& target = sample.targets[t];
            const auto of = [&](std::size_t i) {
                return p[static_cast<std::int64_t>(t)][target.ids[i]].item<double>();
            };
            const double loss = -0.5 * std::log(of(0)) - 0.2 * std::log(of(1)) - 0.3 * std::log(1 - of(0) - of(1));
            sum += static_cast<double>(target.weight) * loss;
            weights += static_cast<double>(target.weight);
        }
    }
    EXPECT_NEAR(report.steps.front().loss, sum / weights, 1e-5);
    EXPECT_LT(report.steps.back().loss, 10);
    expect_equal_on_all_ranks(testing::all_weights(decoder));
}

TEST(Train, IsReproducibleAndActivationCheckpointingChangesNothing) {
    TrainOptions options = options_of(true);
    const Outcome once = run(*world, options);
    options.activation_checkpointing = true;
    options.bucket_bytes = 1 << 20;  // other buckets, the same sums
    EXPECT_TRUE(at::equal(once.weights, run(*world, options).weights));
    expect_equal_on_all_ranks(once.weights);
}

TEST(Train, ContinuesBitForBit) {
    for (const Compute compute : {Compute::kFloat32, Compute::kBFloat16}) {
        for (const bool deterministic : {false, true}) {
            TrainOptions options = options_of(deterministic);
            const Outcome whole = run(*world, options, compute);
            const testing::SharedFolder folder(*world);
            options.checkpoint_steps = 5;
            const Outcome half =
                run(*world, options, compute, folder.path(), [](const StepReport& step) { return step.step < 12; });
            EXPECT_TRUE(half.report.stopped_early);
            const Outcome rest = run(*world, options, compute, folder.path());
            EXPECT_TRUE(at::equal(whole.weights, rest.weights));
            ASSERT_EQ(rest.report.steps.size(), whole.report.steps.size());
            for (std::size_t i = 0; i < whole.report.steps.size(); ++i) {
                EXPECT_EQ(rest.report.steps[i].loss, whole.report.steps[i].loss);
            }
        }
    }
}

TEST(Train, RefusesACheckpointOfAnotherRunWithTheDifferences) {
    const testing::SharedFolder folder(*world);
    TrainOptions options = options_of(false);
    options.checkpoint_steps = 5;
    run(*world, options, Compute::kFloat32, folder.path(), [](const StepReport& step) { return step.step < 6; });
    options.lr = 5e-3;
    options.seed = 4;
    try {
        run(*world, options, Compute::kFloat32, folder.path());
        FAIL() << "a checkpoint of other options was taken";
    } catch (const Error& error) {
        EXPECT_EQ(error.kind(), ErrorKind::kUsage);
        EXPECT_NE(std::string(error.what()).find("lr: 0.003"), std::string::npos) << error.what();
        EXPECT_NE(std::string(error.what()).find("seed"), std::string::npos) << error.what();
    }
}

TEST(Train, StopsBeforeAnUpdateWhenAGradientIsNotFinite) {
    Decoder decoder = Decoder::create(testing::tiny_config(), 1, Compute::kFloat32);
    if (world->rank() == world->size() - 1) {
        decoder.parameter("model.layers.1.mlp.down_proj.weight")[3][5] = std::numeric_limits<float>::quiet_NaN();
    }
    const at::Tensor before = testing::all_weights(decoder);
    const auto collectives = dist::make_mpi_collectives(*world);
    TrainOptions options = options_of(false);
    options.max_steps = 2;
    options.global_batch = 16;  // so that the last rank, too, has something to compute
    options.micro_batch = 4;
    try {
        SampleObjective objective(40, testing::tiny_sample);
        train(*world, *collectives, decoder, objective, options, {});
        FAIL() << "NaN went unseen";
    } catch (const Error& error) {
        EXPECT_EQ(error.kind(), ErrorKind::kGate);
        const std::string text = error.what();
        EXPECT_NE(text.find("step 1"), std::string::npos) << text;
        EXPECT_NE(text.find(".weight"), std::string::npos) << text;
        if (world->size() > 1) {
            EXPECT_NE(text.find(fmt::format("rank {}", world->size() - 1)), std::string::npos) << text;
        }
    }
    EXPECT_TRUE(at::equal(at::nan_to_num(before), at::nan_to_num(testing::all_weights(decoder))));
}

TEST(Train, ReportsABadSampleOfOneRankOnAllRanks) {
    Decoder decoder = Decoder::create(testing::tiny_config(), 1, Compute::kFloat32);
    const auto collectives = dist::make_mpi_collectives(*world);
    const auto sample = [](std::int64_t index) {
        Sample made = testing::tiny_sample(index);
        made.labels[0] = index == 6 ? 101 : made.labels[0];
        return made;
    };
    try {
        SampleObjective objective(40, sample);
        train(*world, *collectives, decoder, objective, options_of(false), {});
        FAIL() << "a label outside the vocabulary was taken";
    } catch (const Error& error) {
        EXPECT_EQ(error.kind(), ErrorKind::kData);
        EXPECT_NE(std::string(error.what()).find("label 101"), std::string::npos) << error.what();
    }
}

// Hooks that fire in another order on every rank, a parameter that never gets a gradient, a rank without a micro-batch.
TEST(GradientBuckets, LeaveInOneOrderWhateverTheOrderOfHooks) {
    const std::vector<std::int64_t> sizes = {97, 13, 331, 7, 211, 101};
    constexpr std::size_t kUnused = 3;
    for (std::uint64_t seed = 0; seed < 25; ++seed) {
        std::vector<ParameterShape> shapes;
        for (std::size_t i = 0; i < sizes.size(); ++i) {
            shapes.push_back({fmt::format("p{}", i), sizes[sizes.size() - 1 - i], true});
        }
        const FlatLayout layout = make_layout(shapes, 200, world->size());
        std::vector<at::Tensor> parameters;
        for (const FlatParameter& parameter : layout.parameters) {
            parameters.push_back(at::zeros({parameter.numel}).requires_grad_(true));
        }
        dist::RecordingCollectives recording(dist::make_mpi_collectives(*world));
        GradientBuckets buckets(layout, parameters, recording, std::nullopt);
        const bool idle = world->size() > 1 && world->rank() == 0;
        if (!idle) {
            const auto order = random_permutation(
                sizes.size(), RandomStream(seed, "hooks", static_cast<std::uint64_t>(world->rank())));
            at::Tensor loss = at::zeros({});
            for (const std::uint64_t i : order) {
                loss = i == kUnused ? loss : loss + parameters[i].sum() * static_cast<double>(i + 1);
            }
            buckets.begin_micro_batch(true);
            loss.backward();
            buckets.end_micro_batch();
        }
        buckets.finish();
        const double contributors = static_cast<double>(world->size() == 1 ? 1 : world->size() - 1);
        for (std::size_t bucket = 0; bucket < layout.buckets.size(); ++bucket) {
            for (const FlatRange& range : owned_ranges(layout, bucket, world->rank())) {
                const double expected =
                    range.parameter == kUnused ? 0.0 : static_cast<double>(range.parameter + 1) * contributors;
                EXPECT_TRUE(buckets.shard().narrow(0, range.shard_begin, range.numel).eq(expected).all().item<bool>());
            }
        }
        const std::string calls = fmt::format("{}", fmt::join(recording.calls(), "; "));
        EXPECT_EQ(recording.calls().size(), world->size() == 1 ? 0u : layout.buckets.size());
        for (const std::string& other : world->all_gather(calls)) {
            EXPECT_EQ(other, calls);
        }
    }
}

}  // namespace
}  // namespace nepenthe::train
