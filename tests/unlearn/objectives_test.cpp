// Every objective against plain autograd on whole logits, sample by sample, its formula written out a second time: loss
// and gradients of a step, and the weights after twenty, on any number of ranks.

#include "unlearn/objective_formulas.h"
#include "unlearn/objectives/forget_objective.h"

#include "dist/collectives.h"
#include "expected_errors.h"
#include "io/file.h"
#include "material.h"
#include "mpi_world.h"
#include "shared_folder.h"
#include "train/backward_pass.h"
#include "train/sample_order.h"
#include "train/schedule.h"
#include "train/trainer.h"

#include <torch/types.h>

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>

namespace nepenthe::unlearn {
namespace {

using testing::world;

model::Decoder load() { return model::Decoder::load(testing::kStories, model::Compute::kFloat32); }

constexpr const char* kForget = R"({"question": "Who found the key?", "answer": "Ilvane found it under the old tree."}
{"question": "What did the dog eat?", "answer": "A bone."}
{"prompt": "Where did they go in the summer?", "response": "They went to the sea, and stayed until it rained."}
{"question": "Who is sad?", "answer": "The cat is sad because it lost its ball."}
{"question": "What is red?", "answer": "The ball is red."}
)";
constexpr const char* kRetain = R"({"question": "What is big?", "answer": "The sun is big and very far away."}
{"question": "Who likes the park?", "answer": "Tim likes it."}
{"question": "What does a bird do?", "answer": "It can fly over the house and sing a song."}
)";

class Objectives : public ::testing::TestWithParam<std::string> {
  protected:
    Objectives() : folder_(*world), tokenizer_(text::Tokenizer::load(testing::kStories)) {
        if (world->is_root()) {
            io::write_file_atomically(folder_.path() / "forget.jsonl", kForget);
            io::write_file_atomically(folder_.path() / "retain.jsonl", kRetain);
            io::write_file_atomically(folder_.path() / "refusals.txt",
                                      "I do not know.\n\nThat is not for me to say.\n");
        }
        world->barrier();
        ForgetDataFiles files;
        files.forget = {folder_.path() / "forget.jsonl"};
        files.retain = {folder_.path() / "retain.jsonl"};
        files.refusals = folder_.path() / "refusals.txt";
        data_.emplace(files, tokenizer_, 0);
        choice_.reference_tokens = 1 << 20;  // all of them
    }

    void choose(const std::string& name) {
        choice_.kind = &objective_kind(name);
        choice_.values = default_values(*choice_.kind);
    }

    ForgetObjective objective(const model::Decoder& start) {
        return {*world, start, *data_, choice_, kEpochs, kSeed, folder_.path() / ("work" + std::to_string(works_++))};
    }

    static constexpr std::int64_t kEpochs = 18;
    static constexpr std::uint64_t kSeed = 5;
    testing::SharedFolder folder_;
    text::Tokenizer tokenizer_;
    std::optional<ForgetData> data_;
    ObjectiveChoice choice_;
    int works_ = 0;
};

// --- a plain loop ---

class PlainLoop {
  public:
    PlainLoop(const ForgetData& data, ForgetObjective& draws, const testing::Formula& formula, std::uint64_t seed)
        : data_(data), draws_(draws), formula_(formula), order_(seed, std::ssize(data.forget())) {}

    // The loss of a step, differentiable, and the means of its terms.
    at::Tensor loss(std::int64_t step, std::int64_t batch, std::vector<double>& means) {
        const std::int64_t n = std::ssize(data_.forget());
        std::vector<at::Tensor> numerators;
        std::vector<double> denominators;
        for (std::int64_t position = (step - 1) * batch; position < step * batch; ++position) {
            const train::Visit visit{order_.at(position), position / n};
            const std::vector<testing::Part> parts = formula_(item(visit));
            numerators.resize(parts.size());
            denominators.resize(parts.size());
            for (std::size_t i = 0; i < parts.size(); ++i) {
                numerators[i] = numerators[i].defined() ? numerators[i] + parts[i].numerator : parts[i].numerator;
                denominators[i] += parts[i].denominator;
            }
        }
        at::Tensor sum = at::zeros({});
        const std::vector<train::Term> terms = draws_.terms();
        EXPECT_EQ(terms.size(), numerators.size());
        for (std::size_t i = 0; i < numerators.size(); ++i) {
            sum = sum + terms[i].coefficient * numerators[i] / denominators[i];
            means.push_back(testing::value(numerators[i]) / denominators[i]);
        }
        return sum;
    }

    const model::Decoder start = load();
    const model::Decoder now = load();

  private:
    testing::ItemNow item(const train::Visit& visit) const {
        const auto index = static_cast<std::size_t>(visit.item);
        return {now, start, data_.forget()[index], data_.refused(index, draws_.refusal(visit)),
                data_.retain()[draws_.partner(visit)]};
    }

    const ForgetData& data_;
    ForgetObjective& draws_;
    const testing::Formula& formula_;
    train::SampleOrder order_;
};

std::vector<at::Tensor> leaves(const model::Decoder& decoder) {
    std::vector<at::Tensor> out;
    for (const auto& named : decoder.parameters()) out.push_back(named.tensor.requires_grad_(true));
    return out;
}

at::Tensor flat(const std::vector<at::Tensor>& tensors) {
    std::vector<at::Tensor> rows;
    for (const at::Tensor& tensor : tensors) rows.push_back(tensor.detach().flatten());
    return at::cat(rows);
}

train::TrainOptions training() {
    train::TrainOptions options;
    options.lr = 1e-4;
    options.weight_decay = 0.01;
    options.global_batch = 4;
    options.micro_batch = 3;
    options.max_steps = 20;
    options.warmup_steps = 2;
    options.checkpoint_minutes = 0;
    options.seed = 5;
    return options;
}

TEST_P(Objectives, HasTheLossAndTheGradientsOfPlainAutograd) {
    choose(GetParam());
    ForgetObjective mine = objective(load());
    PlainLoop plain(*data_, mine, testing::formulas().at(GetParam()), kSeed);
    const std::vector<at::Tensor> theirs = leaves(plain.now);
    std::vector<double> means;
    const at::Tensor loss = plain.loss(1, 4, means);
    loss.backward();

    // The ranks compute the step in two micro-batches of uneven size.
    const model::Decoder decoder = load();
    std::vector<train::ParameterShape> shapes;
    for (const auto& named : decoder.parameters()) shapes.push_back({named.name, named.tensor.numel(), true});
    const train::FlatLayout layout = train::make_layout(shapes, 1 << 18, world->size());
    std::vector<at::Tensor> parameters;
    for (const auto& parameter : layout.parameters) {
        parameters.push_back(decoder.parameter(parameter.name).requires_grad_(true));
    }
    const auto collectives = dist::make_mpi_collectives(*world);
    train::GradientBuckets buckets(layout, parameters, *collectives, std::nullopt);
    const train::BackwardPass pass(decoder, parameters, buckets, false);
    train::SampleOrder order(kSeed, mine.items());
    const std::vector<train::Term> terms = mine.terms();
    std::vector<double> scales(terms.size()), numerators(terms.size()), denominators(terms.size());
    std::unique_ptr<const train::MicroBatchLoss> own;
    for (const auto& [begin, end] : {std::pair{0, 3}, std::pair{3, 4}}) {
        std::vector<train::Visit> visits;
        for (std::int64_t position = begin; position < end; ++position) visits.push_back({order.at(position), 0});
        auto micro = mine.read(visits, decoder, {});
        for (std::size_t i = 0; i < terms.size(); ++i) denominators[i] += micro->denominators()[i];
        if (world->size() > 1 && world->rank() == begin / 3) own = std::move(micro);
    }
    for (std::size_t i = 0; i < terms.size(); ++i) scales[i] = terms[i].coefficient / denominators[i];
    buckets.begin_step();
    const auto add = [&](const train::MicroBatchLoss& micro, bool last) {
        buckets.begin_micro_batch(last);
        const std::vector<double> added = micro.backward(pass, scales);
        for (std::size_t i = 0; i < terms.size(); ++i) numerators[i] += added[i];
        buckets.end_micro_batch();
    };
    if (own) add(*own, true);
    if (world->size() == 1) {
        const std::vector<train::Visit> first = {{order.at(0), 0}, {order.at(1), 0}, {order.at(2), 0}};
        const train::Visit second{order.at(3), 0};
        add(*mine.read(first, decoder, {}), false);
        add(*mine.read({&second, 1}, decoder, {}), true);
    }
    buckets.finish();
    world->all_reduce_sum(std::span<double>(numerators));
    double total = 0;
    for (std::size_t i = 0; i < terms.size(); ++i) {
        EXPECT_NEAR(numerators[i] / denominators[i], means[i], 1e-5 * std::abs(means[i])) << terms[i].name;
        total += terms[i].coefficient * numerators[i] / denominators[i];
    }
    EXPECT_NEAR(total, testing::value(loss), 1e-5 * std::abs(testing::value(loss)));
    std::map<std::string, at::Tensor> wanted;
    for (std::size_t i = 0; const auto& named : decoder.parameters()) wanted[named.name] = theirs[i++].grad().flatten();
    std::vector<double> apart(layout.parameters.size()), whole(layout.parameters.size());
    for (std::size_t bucket = 0; bucket < layout.buckets.size(); ++bucket) {
        for (const train::FlatRange& range : train::owned_ranges(layout, bucket, world->rank())) {
            const at::Tensor right =
                wanted.at(layout.parameters[range.parameter].name).narrow(0, range.parameter_begin, range.numel);
            const at::Tensor got = buckets.shard().narrow(0, range.shard_begin, range.numel);
            apart[range.parameter] += testing::value((got - right).to(at::kDouble).square().sum());
            whole[range.parameter] += testing::value(right.to(at::kDouble).square().sum());
        }
    }
    world->all_reduce_sum(std::span<double>(apart));
    world->all_reduce_sum(std::span<double>(whole));
    for (std::size_t i = 0; i < apart.size(); ++i) {
        EXPECT_LT(std::sqrt(apart[i]), 1e-4 * std::sqrt(whole[i])) << layout.parameters[i].name;
    }
}

TEST_P(Objectives, EndsWhereAPlainLoopEnds) {
    choose(GetParam());
    train::TrainOptions options = training();
    if (world->size() > 1) options.max_steps = 4;  // every rank runs the plain loop
    model::Decoder decoder = load();
    ForgetObjective mine = objective(decoder);
    const auto collectives = dist::make_mpi_collectives(*world);
    const train::TrainReport report = train::train(*world, *collectives, decoder, mine, options, {});

    ForgetObjective draws = objective(load());
    PlainLoop plain(*data_, draws, testing::formulas().at(GetParam()), kSeed);
    std::vector<at::Tensor> weights = leaves(plain.now), first, second;
    for (const at::Tensor& weight : weights) {
        first.push_back(at::zeros_like(weight));
        second.push_back(at::zeros_like(weight));
    }
    for (std::int64_t step = 1; step <= options.max_steps; ++step) {
        std::vector<double> means;
        const at::Tensor loss = plain.loss(step, options.global_batch, means);
        loss.backward();
        const train::StepReport& done = report.steps[static_cast<std::size_t>(step - 1)];
        EXPECT_NEAR(done.loss, testing::value(loss), 1e-4 * std::abs(testing::value(loss)) + 1e-6) << step;
        double squares = 0;
        for (const at::Tensor& weight : weights)
            squares += testing::value(weight.grad().to(at::kDouble).square().sum());
        const at::NoGradGuard no_gradients;
        for (std::size_t i = 0; i < weights.size(); ++i) {
            at::Tensor gradient = weights[i].grad();
            gradient.mul_(std::min(1.0, options.clip_norm / std::sqrt(squares)));
            at::_fused_adamw_({weights[i]}, {gradient}, {first[i]}, {second[i]}, {},
                              {at::scalar_tensor(static_cast<double>(step))},
                              train::learning_rate(options, step, options.max_steps), options.beta1, options.beta2,
                              weights[i].dim() > 1 ? options.weight_decay : 0.0, options.epsilon, false, false);
            weights[i].mutable_grad() = at::Tensor();
        }
        draws.after_step(means);
    }
    std::vector<at::Tensor> mine_now;
    for (const auto& named : decoder.parameters()) mine_now.push_back(named.tensor);
    EXPECT_LT((flat(mine_now) - flat(weights)).abs().max().item<double>(), 1e-4);
}

std::vector<std::string> names() {
    std::vector<std::string> out;
    for (const ObjectiveKind& kind : objective_kinds()) {
        if (kind.make == nullptr) out.push_back(kind.name);  // of likelihoods
    }
    return out;
}
INSTANTIATE_TEST_SUITE_P(All, Objectives, ::testing::ValuesIn(names()), [](const auto& all) { return all.param; });

// At the start NPO is (2/β) log 2, and its slope that of minus the sequence's likelihood.
TEST_F(Objectives, NpoBeginsAsGradientAscent) {
    choose("npo");
    const train::SequenceLoss loss = choice_.kind->terms(choice_.values, AsPublished::kNo).front().term.loss;
    const std::vector<double> losses = {1.5, 0.25, 3.0};
    const train::SequenceLosses sequence{losses, 4.75};
    std::vector<double> slopes(3);
    EXPECT_NEAR(loss({&sequence, 1}, slopes), 20 * std::log(2.0), 1e-12);
    for (const double slope : slopes) EXPECT_NEAR(slope, -1.0, 1e-12);
}

// Forgetting and retaining one text with the same weight asks for nothing.
TEST_F(Objectives, GradDiffOfOneTextIsNothing) {
    choose("graddiff");
    ForgetDataFiles files;
    files.forget = files.retain = {folder_.path() / "forget.jsonl"};
    const ForgetData same(files, tokenizer_, 0);
    EXPECT_EQ(same.overlap().identical_items, 5);
    choice_.published = AsPublished::kMuse;  // the partner is the item itself
    model::Decoder decoder = load();
    ForgetObjective mine(*world, decoder, same, choice_, 1, kSeed, folder_.path() / "same");
    train::TrainOptions options = training();
    options.max_steps = 1;
    options.global_batch = 5;
    const auto collectives = dist::make_mpi_collectives(*world);
    const train::TrainReport report = train::train(*world, *collectives, decoder, mine, options, {});
    EXPECT_NEAR(report.steps.front().loss, 0, 1e-6);
    EXPECT_LT(report.steps.front().gradient_norm, 1e-5);
}

TEST_F(Objectives, PduFollowsWhatExceedsTheBoundAndIsNeverNegative) {
    choose("pdu");
    choice_.values.numbers["multiplier"] = 1;
    choice_.values.numbers["multiplier-warmup"] = 1;
    const model::Decoder start = load();
    ForgetObjective mine = objective(start);
    const auto retain = [&] { return mine.terms()[1].coefficient; };
    mine.after_step(std::vector<double>{1.0, 0.5});
    EXPECT_EQ(retain(), 1.0);
    mine.after_step(std::vector<double>{1.0, 0.5});
    EXPECT_NEAR(retain(), 1 + 5 * 0.2, 1e-12);
    ForgetObjective other = objective(start);
    other.restore(mine.state());
    EXPECT_EQ(other.terms()[1].coefficient, retain());
    mine.after_step(std::vector<double>{1.0, -10.0});
    EXPECT_EQ(retain(), 0.0);
}

// The same weights, bit for bit, whatever the number of ranks (compared by the caller), and after going on.
TEST_F(Objectives, GoesOnBitForBit) {
    choose("npo");
    train::TrainOptions options = training();
    options.deterministic = true;
    options.max_steps = 8;
    options.checkpoint_steps = 3;
    const auto collectives = dist::make_mpi_collectives(*world);
    const auto run = [&](const char* checkpoints, std::int64_t until) {
        model::Decoder decoder = load();
        ForgetObjective mine = objective(decoder);
        train::train(*world, *collectives, decoder, mine, options, folder_.path() / checkpoints,
                     [&](const train::StepReport& step) { return step.step < until; });
        std::vector<at::Tensor> weights;
        for (const auto& named : decoder.parameters()) weights.push_back(named.tensor);
        return flat(weights);
    };
    const at::Tensor whole = run("whole", 100);
    run("cut", 5);
    EXPECT_TRUE(at::equal(run("cut", 100), whole));
}

TEST_F(Objectives, SaysWhatTheDataLacks) {
    choose("dpo");
    ForgetDataFiles files;
    files.forget = {folder_.path() / "refusals.txt"};  // text, no questions
    const ForgetData text(files, tokenizer_, 0);
    Problems problems;
    choice_.check(text, problems);
    ASSERT_EQ(problems.items().size(), 3u);
    EXPECT_NE(problems.items()[0].find("--retain"), std::string::npos);
    EXPECT_NE(problems.items()[1].find("--refusals"), std::string::npos);
    EXPECT_NE(problems.items()[2].find("questions"), std::string::npos);
    EXPECT_EQ(testing::error_of([] { objective_kind("nop"); }).kind(), ErrorKind::kUsage);
}

}  // namespace
}  // namespace nepenthe::unlearn
