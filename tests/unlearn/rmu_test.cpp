// RMU against plain autograd over whole forward passes: what moves, where to, on any number of ranks.

#include "base/json.h"
#include "base/random.h"
#include "dist/collectives.h"
#include "expected_errors.h"
#include "io/file.h"
#include "material.h"
#include "model/family/config.h"
#include "mpi_world.h"
#include "shared_folder.h"
#include "train/sample_order.h"
#include "train/schedule.h"
#include "train/trainer.h"
#include "unlearn/objectives/forget_objective.h"

#include <torch/types.h>

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

namespace nepenthe::unlearn {
namespace {

using testing::world;

// The stories' model with more blocks, drawn.
model::Decoder four_layers() {
    Json config = parse_json(io::read_file(testing::kStories / "config.json"), "config.json");
    config["num_hidden_layers"] = 4;
    return model::Decoder::create(model::parse_config(config), 3, model::Compute::kFloat32);
}

class Rmu : public ::testing::Test {
  protected:
    Rmu() : folder_(*world), tokenizer_(text::Tokenizer::load(testing::kStories)) {
        if (world->is_root()) {
            io::write_file_atomically(folder_.path() / "forget.txt",
                                      "Ilvane found the key under the old tree and took it home to her mother.");
            io::write_file_atomically(folder_.path() / "retain.txt",
                                      "The sun is big and far away. Tim likes the park, and the dog likes Tim.");
        }
        world->barrier();
        ForgetDataFiles files;
        files.forget = {folder_.path() / "forget.txt"};
        files.retain = {folder_.path() / "retain.txt"};
        files.block = 7;  // the last blocks are shorter: there is padding
        data_.emplace(files, tokenizer_, 0);
        choice_.kind = &objective_kind("rmu");
        choice_.values = default_values(*choice_.kind);
        choice_.values.numbers["layer"] = 2;
        choice_.values.numbers["steer"] = 3;
        options_.lr = 1e-3;
        options_.global_batch = 3;
        options_.micro_batch = 2;
        options_.max_steps = 6;
        options_.checkpoint_minutes = 0;
        options_.schedule = train::ScheduleKind::kConstant;
        options_.seed = 5;
    }

    std::unique_ptr<train::Objective> objective(const model::Decoder& start) {
        return make_objective(*world, start, *data_, choice_, 9, options_.seed,
                              folder_.path() / ("work" + std::to_string(works_++)));
    }

    train::TrainReport run(model::Decoder& decoder) {
        const auto mine = objective(decoder);
        const auto collectives = dist::make_mpi_collectives(*world);
        return train::train(*world, *collectives, decoder, *mine, options_, {});
    }

    // States behind block 2 of one sample, through the whole pass.
    static at::Tensor states(const model::Decoder& decoder, const train::Sample& sample) {
        const std::vector<std::int64_t> ids(sample.ids.begin(), sample.ids.end());
        const model::Batch batch{at::tensor(ids, at::kLong).unsqueeze(0), {}};
        const model::Context context = decoder.context(batch);
        at::Tensor hidden = decoder.embed(batch.ids, context);
        for (std::int64_t block = 0; block <= 2; ++block) hidden = decoder.block(block, hidden, context);
        return hidden[0];
    }

    // The direction, from its description.
    at::Tensor direction(double length) const {
        RandomStream random(options_.seed, "forget.steer", 0);
        std::vector<double> r;
        for (std::int64_t i = 0; i < four_layers().config().hidden; ++i) r.push_back(random.uniform());
        const at::Tensor whole = at::tensor(r, at::kDouble);
        return (whole * (length / whole.norm().item<double>())).to(at::kFloat);
    }

    testing::SharedFolder folder_;
    text::Tokenizer tokenizer_;
    std::optional<ForgetData> data_;
    ObjectiveChoice choice_;
    train::TrainOptions options_;
    int works_ = 0;
};

TEST_F(Rmu, EndsWhereAPlainLoopEnds) {
    model::Decoder decoder = four_layers();
    const train::TrainReport report = run(decoder);

    const model::Decoder start = four_layers(), plain = four_layers();
    std::vector<at::Tensor> weights, first, second;
    for (std::int64_t block = 0; block <= 2; ++block) {
        weights.push_back(plain.parameter(plain.mlp_output_name(block)).requires_grad_(true));
        first.push_back(at::zeros_like(weights.back()));
        second.push_back(at::zeros_like(weights.back()));
    }
    const at::Tensor u = direction(3);
    const std::int64_t n = std::ssize(data_->forget());
    train::SampleOrder order(options_.seed, n);
    for (std::int64_t step = 1; step <= options_.max_steps; ++step) {
        at::Tensor forget = at::zeros({}), retain = at::zeros({});
        double forget_count = 0, retain_count = 0;
        for (std::int64_t position = (step - 1) * 3; position < step * 3; ++position) {
            const train::Visit visit{order.at(position), position / n};
            const at::Tensor steered = states(plain, data_->forget()[static_cast<std::size_t>(visit.item)]);
            forget = forget + (steered - u).square().sum();
            forget_count += static_cast<double>(steered.numel());
            const train::Sample& partner = data_->retain()[draw_partner(*data_, choice_, options_.seed, visit)];
            const at::Tensor held = states(plain, partner);
            retain = retain + (held - states(start, partner).detach()).square().sum();
            retain_count += static_cast<double>(held.numel());
        }
        const at::Tensor loss = forget / forget_count + 100 * retain / retain_count;
        loss.backward();
        EXPECT_NEAR(report.steps[static_cast<std::size_t>(step - 1)].loss / loss.item<double>(), 1, 1e-4) << step;
        double squares = 0;
        for (const at::Tensor& weight : weights) squares += weight.grad().to(at::kDouble).square().sum().item<double>();
        const at::NoGradGuard no_gradients;
        for (std::size_t i = 0; i < weights.size(); ++i) {
            at::Tensor gradient = weights[i].grad();
            gradient.mul_(std::min(1.0, options_.clip_norm / std::sqrt(squares)));
            at::_fused_adamw_({weights[i]}, {gradient}, {first[i]}, {second[i]}, {},
                              {at::scalar_tensor(static_cast<double>(step))}, options_.lr, options_.beta1,
                              options_.beta2, options_.weight_decay, options_.epsilon, false, false);
            weights[i].mutable_grad() = at::Tensor();
        }
    }
    for (const auto& named : decoder.parameters()) {
        EXPECT_LT((named.tensor - plain.parameter(named.name)).abs().max().item<double>(), 1e-4) << named.name;
    }
}

TEST_F(Rmu, MovesThreeMatricesAndNothingElse) {
    const model::Decoder before = four_layers();
    model::Decoder after = four_layers();
    run(after);
    std::set<std::string> moved;
    for (const auto& named : before.parameters()) {
        if (!at::equal(named.tensor, after.parameter(named.name))) moved.insert(named.name);
    }
    EXPECT_EQ(moved,
              (std::set<std::string>{before.mlp_output_name(0), before.mlp_output_name(1), before.mlp_output_name(2)}));
}

TEST_F(Rmu, IsTheSameBitForBitWhenItIsDeterministic) {
    options_.deterministic = true;
    model::Decoder once = four_layers(), again = four_layers();
    run(once);
    options_.bucket_bytes = 1 << 16;
    run(again);
    for (const auto& named : once.parameters()) EXPECT_TRUE(at::equal(named.tensor, again.parameter(named.name)));
}

TEST_F(Rmu, AdaptiveSteersByTheStatesOwnNorm) {
    choice_.values.numbers["adaptive"] = 5;
    choice_.values.numbers["retain-weight"] = 0;
    options_.max_steps = 1;
    const model::Decoder start = four_layers();
    double norms = 0, positions = 0;
    for (const train::Sample& sample : data_->forget()) {
        const at::Tensor all = states(start, sample).to(at::kDouble).norm(2, {1});
        norms += all.sum().item<double>();
        positions += static_cast<double>(all.numel());
    }
    const at::Tensor u = direction(5 * norms / positions);
    train::SampleOrder order(options_.seed, std::ssize(data_->forget()));
    double sum = 0, count = 0;
    for (std::int64_t position = 0; position < 3; ++position) {
        const at::Tensor all = states(start, data_->forget()[static_cast<std::size_t>(order.at(position))]);
        sum += (all - u).square().sum().item<double>();
        count += static_cast<double>(all.numel());
    }
    model::Decoder decoder = four_layers();
    EXPECT_NEAR(run(decoder).steps.front().loss / (sum / count), 1, 1e-5);
}

TEST_F(Rmu, ABlockThatThereIsNotIsRefused) {
    for (const double layer : {4.0, 1.5}) {
        choice_.values.numbers["layer"] = layer;
        const Error error = testing::error_of([&] { objective(four_layers()); });
        EXPECT_EQ(error.kind(), ErrorKind::kUsage);
        EXPECT_NE(std::string(error.what()).find("blocks 0 to 3"), std::string::npos) << error.what();
    }
}

}  // namespace
}  // namespace nepenthe::unlearn
