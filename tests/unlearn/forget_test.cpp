// Forgetting on labels of a novel with a small trained model: learns the labels, keeps the best step, stops on a
// budget, continues.

#include "unlearn/forget_labels.h"

#include "base/error.h"
#include "dist/collectives.h"
#include "io/text.h"
#include "material.h"
#include "mpi_world.h"
#include "shared_folder.h"
#include "text/tokenizer.h"
#include "train/loss.h"
#include "train/micro_batch.h"
#include "unlearn/relabel/relabel.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <ranges>

namespace nepenthe::unlearn {
namespace {

const std::filesystem::path& kModel = nepenthe::testing::kStories;

model::Decoder load() { return model::Decoder::load(kModel, model::Compute::kFloat32); }

store::Artefact labels(const std::filesystem::path& outputs) {
    const auto tokenizer = text::Tokenizer::load(kModel);
    RelabelInputs inputs;
    inputs.load_baseline = load;
    inputs.load_reinforced = load;
    inputs.baseline_digest = inputs.reinforced_digest = "stories";
    inputs.tokenizer = &tokenizer;
    inputs.dictionary = parse_dictionary(R"({"Ilvane": ["Lily"], "Dorrick": ["Max"]})", "test");
    const std::string novel = io::read_text(nepenthe::testing::kNovel);
    inputs.documents = {novel.substr(novel.find("CHAPTER 2\n"), 5000)};
    RelabelOptions options;
    options.block = 64;
    return relabel(*testing::world, inputs, options, outputs);
}

testing::LabelRun options() {
    testing::LabelRun out;
    out.labels.targets = {TargetKind::kHard, 0};
    out.forget.train.lr = 2e-4;
    out.forget.train.global_batch = 4;
    out.forget.train.micro_batch = 2;
    out.forget.train.epochs = 2;
    out.forget.train.deterministic = true;
    out.forget.train.checkpoint_minutes = 0;
    out.labels.holdout_share = 0.2;
    out.forget.measure_steps = 2;
    return out;
}

double weight_sum(const model::Decoder& decoder) {
    double sum = 0;
    for (const auto& parameter : decoder.parameters())
        sum += parameter.tensor.to(at::kDouble).abs().sum().item<double>();
    return sum;
}

TEST(Forget, LearnsTheLabels) {
    testing::SharedFolder folder(*testing::world);
    const store::Artefact artefact = labels(folder.path());
    auto decoder = load();
    const auto collectives = dist::make_mpi_collectives(*testing::world);
    const testing::LabelOutcome report = testing::forget_labels(*testing::world, *collectives, decoder, artefact.folder,
                                                                {}, options(), folder.path() / "work");
    ASSERT_GE(report.checkpoints.size(), 3u);
    EXPECT_EQ(report.checkpoints.front().step, 0);
    EXPECT_GT(report.counts.holdout_blocks, 0);
    EXPECT_LT(*report.checkpoints.back().holdout_loss, *report.checkpoints.front().holdout_loss);
    EXPECT_GT(report.best_step, 0);
    double best = INFINITY;
    for (const Checkpoint& checkpoint : report.checkpoints) {
        if (checkpoint.step > 0) best = std::min(best, *checkpoint.holdout_loss);
    }
    const auto& kept = report.checkpoints[*best_checkpoint(report.checkpoints, options().forget)];
    EXPECT_EQ(*kept.holdout_loss, best);
    EXPECT_EQ(kept.step, report.best_step);
}

// Of the same model, soft labels are what it says already: training on them moves nothing much, whatever the ranks.
TEST(Forget, SoftLabelsOfEqualModelsAskForNothing) {
    testing::SharedFolder folder(*testing::world);
    const store::Artefact artefact = labels(folder.path());
    const auto collectives = dist::make_mpi_collectives(*testing::world);
    const auto gradient_norm = [&](TargetKind kind, const char* work) {
        auto decoder = load();
        testing::LabelRun choice = options();
        choice.labels.targets = {kind, 0};
        choice.forget.measure_steps = 0;
        choice.forget.train.max_steps = 1;
        return testing::forget_labels(*testing::world, *collectives, decoder, artefact.folder, {}, choice,
                                      folder.path() / work)
            .train.steps.front()
            .gradient_norm;
    };
    EXPECT_LT(gradient_norm(TargetKind::kSoft, "soft"), 0.5 * gradient_norm(TargetKind::kHard, "hard"));
}

TEST(Forget, WeighsPositionsByHowFarTheModelsAreApart) {
    testing::SharedFolder folder(*testing::world);
    const store::Artefact artefact = labels(folder.path());
    const train::Sample sample = LabelTargets(artefact.folder, "5", {TargetKind::kHard, 0.1}).sample(0);
    ASSERT_EQ(sample.targets.size(), sample.ids.size());
    // The same model on the same text up to the first term: nothing keeps the two apart there.
    EXPECT_EQ(sample.targets.front().ids.front(), sample.labels.front());
    EXPECT_LT(sample.targets.front().weight, 1e-3f);
    const auto weight = [](const train::Distribution& target) { return target.weight; };
    EXPECT_GT(std::ranges::max(sample.targets | std::views::transform(weight)), 0.1f);
    LabelTargets targets(artefact.folder, "5", {TargetKind::kHard, 0});
    EXPECT_TRUE(targets.sample(0).targets.empty());
    EXPECT_GT(targets.translation(0).size(), 1u);
}

// Text that must stay is known better by its own tokens as targets, and its distributions are nearer to the start's by
// those of the start, than without it.
TEST(Forget, TextThatIsToStayStays) {
    testing::SharedFolder folder(*testing::world);
    const store::Artefact artefact = labels(folder.path());
    const auto tokenizer = text::Tokenizer::load(kModel);
    const std::string story =
        "Once upon a time, there was a big dog. He liked to run in the park with his friend, a small cat.";
    const TextBlocks retain = {tokenizer.encode(story, true).ids};
    const auto collectives = dist::make_mpi_collectives(*testing::world);
    const auto start = load();
    const std::vector<train::Sample> texts = causal_samples(retain);
    const FrozenStart said(*testing::world, start, texts, {0}, folder.path() / "said");
    const auto loss_after = [&](const TextBlocks& blocks, RetainKind kind, const train::Sample& target,
                                const char* work) {
        auto decoder = load();
        testing::LabelRun choice = options();
        choice.labels.mix.retain_targets = kind;
        const testing::LabelOutcome report = testing::forget_labels(
            *testing::world, *collectives, decoder, artefact.folder, blocks, choice, folder.path() / work);
        EXPECT_EQ(report.counts.retain_blocks, blocks.empty() ? 0 : report.counts.train_blocks);
        const at::NoGradGuard no_gradients;
        const train::MicroBatch micro =
            train::make_micro_batch({target}, decoder.config().vocabulary, decoder.device());
        const at::Tensor hidden = decoder.hidden_states(micro.batch)[0].index_select(0, micro.supervised);
        return train::cross_entropy_sum(decoder, hidden, micro.targets).item<double>();
    };
    const train::Sample text = train::causal_sample(retain.front());
    EXPECT_LT(loss_after(retain, RetainKind::kText, text, "text"),
              loss_after({}, RetainKind::kText, text, "without text"));
    EXPECT_LT(loss_after(retain, RetainKind::kModel, said.sample(0), "model"),
              loss_after({}, RetainKind::kModel, said.sample(0), "without model"));
}

TEST(Forget, KeepsTheBestStepWithinTheBudget) {
    testing::SharedFolder folder(*testing::world);
    const store::Artefact artefact = labels(folder.path());
    auto decoder = load();
    const auto collectives = dist::make_mpi_collectives(*testing::world);
    std::map<std::int64_t, double> sums;
    testing::LabelRun choice = options();
    choice.forget.utility_budget = 0.5;
    const ForgetMeasure measure = [&](const model::Decoder& now, std::int64_t step) {
        sums[step] = weight_sum(now);
        // Familiarity falls with every look, utility breaks the budget at step 6.
        return Measured{1.0 / static_cast<double>(1 + step), step >= 6 ? 0.0 : 1.0, {{"step", step}}};
    };
    const testing::LabelOutcome report = testing::forget_labels(*testing::world, *collectives, decoder, artefact.folder,
                                                                {}, choice, folder.path() / "work", measure);
    EXPECT_EQ(report.best_step, 4);
    EXPECT_TRUE(report.within_budget);
    EXPECT_TRUE(report.stopped_early);
    EXPECT_EQ(report.checkpoints.back().step, 6);
    EXPECT_EQ(weight_sum(decoder), sums.at(4));
    EXPECT_EQ(report.to_json()["checkpoints"][1]["details"]["step"], 2);
}

TEST(Forget, WithoutAStepInTheBudgetTheWeightsStayAsTheyWere) {
    testing::SharedFolder folder(*testing::world);
    const store::Artefact artefact = labels(folder.path());
    auto decoder = load();
    const double before = weight_sum(decoder);
    const auto collectives = dist::make_mpi_collectives(*testing::world);
    testing::LabelRun choice = options();
    choice.forget.utility_budget = 0.1;
    const testing::LabelOutcome report =
        testing::forget_labels(*testing::world, *collectives, decoder, artefact.folder, {}, choice,
                               folder.path() / "work", [](const model::Decoder&, std::int64_t step) {
                                   return Measured{0.5, step == 0 ? 1.0 : 0.0, {}};
                               });
    EXPECT_FALSE(report.within_budget);
    EXPECT_EQ(report.best_step, 0);
    EXPECT_EQ(weight_sum(decoder), before);
}

TEST(Forget, UnknownAlphaListsThoseThereAre) {
    testing::SharedFolder folder(*testing::world);
    const store::Artefact artefact = labels(folder.path());
    auto decoder = load();
    const auto collectives = dist::make_mpi_collectives(*testing::world);
    testing::LabelRun choice = options();
    choice.labels.alpha = "7";
    EXPECT_THROW(testing::forget_labels(*testing::world, *collectives, decoder, artefact.folder, {}, choice,
                                        folder.path() / "work"),
                 Error);
}

}  // namespace
}  // namespace nepenthe::unlearn
