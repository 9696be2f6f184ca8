// Forgetting that goes on from an older training checkpoint, and then measures otherwise than before it was cut off
// (another number of ranks without --deterministic): it ends with the weights of the best step that it knows.

#include "unlearn/forget_labels.h"

#include "base/error.h"
#include "base/fault.h"
#include "dist/collectives.h"
#include "material.h"
#include "mpi_world.h"
#include "shared_folder.h"
#include "text/tokenizer.h"
#include "unlearn/relabel/relabel.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <map>

namespace nepenthe::unlearn {
namespace {

model::Decoder load() { return model::Decoder::load(testing::kStories, model::Compute::kFloat32); }

store::Artefact labels(const std::filesystem::path& outputs) {
    const auto tokenizer = text::Tokenizer::load(testing::kStories);
    RelabelInputs inputs;
    inputs.load_baseline = load;
    inputs.load_reinforced = load;
    inputs.baseline_digest = inputs.reinforced_digest = "stories";
    inputs.tokenizer = &tokenizer;
    inputs.dictionary = parse_dictionary(R"({"Dorothy": ["Lily"], "Toto": ["Max"]})", "test");
    std::string document;
    for (int i = 0; i < 60; ++i) document += "Dorothy went to the lake with Toto, and Toto was happy to see Dorothy. ";
    inputs.documents = {document};
    RelabelOptions options;
    options.block = 32;
    return relabel(*testing::world, inputs, options, outputs);
}

testing::LabelRun options() {
    testing::LabelRun out;
    out.labels.targets = {TargetKind::kHard, 0};
    out.forget.train.lr = 1e-3;
    out.forget.train.global_batch = 2;
    out.forget.train.micro_batch = 1;
    out.forget.train.max_steps = 6;
    out.forget.train.checkpoint_minutes = 0;
    out.forget.train.checkpoint_steps = 2;
    out.forget.measure_steps = 1;
    return out;
}

double weight_sum(const model::Decoder& decoder) {
    double sum = 0;
    for (const auto& parameter : decoder.parameters())
        sum += parameter.tensor.to(at::kDouble).abs().sum().item<double>();
    return sum;
}

void arm(const char* fault) {
    if (fault == nullptr) {
        ::unsetenv("NEPENTHE_FAULT");
    } else {
        ::setenv("NEPENTHE_FAULT", fault, 1);
    }
    arm_faults(testing::world->rank(), testing::world->size());
}

class ForgetResume : public ::testing::Test {
  protected:
    // One start, whose steps measure as `familiarity` says; cut off at `fault`, if any.
    void start(const std::map<std::int64_t, double>& familiarity, const char* fault) {
        arm(fault);
        decoder_.emplace(load());
        const auto collectives = dist::make_mpi_collectives(*testing::world);
        const auto measure = [&](const model::Decoder& decoder, std::int64_t step) {
            sums_[step] = weight_sum(decoder);
            return Measured{familiarity.at(step), 1.0, {}};
        };
        try {
            report_ = testing::forget_labels(*testing::world, *collectives, *decoder_, artefact_.folder, {}, options(),
                                             folder_.path() / "work", measure);
            EXPECT_EQ(fault, nullptr);
        } catch (const Error& error) {
            EXPECT_NE(fault, nullptr) << error.what();
        }
        arm(nullptr);
    }

    testing::SharedFolder folder_{*testing::world};
    store::Artefact artefact_ = labels(folder_.path());
    std::optional<model::Decoder> decoder_;
    std::map<std::int64_t, double> sums_;  // of the weights at each step, as last measured
    testing::LabelOutcome report_;
};

TEST_F(ForgetResume, CutOffBetweenTheWeightsAndTheirMeasurement) {
    // Step 3 is the best, its weights are kept, what was measured is not; the checkpoint is step 2's.
    start({{0, 1}, {1, 0.5}, {2, 0.4}, {3, 0.3}}, "throw@forget.best_weights:*:4");
    start({{3, 0.6}, {4, 0.7}, {5, 0.8}, {6, 0.9}}, nullptr);
    EXPECT_EQ(report_.best_step, 2);
    EXPECT_EQ(weight_sum(*decoder_), sums_[2]);
}

TEST_F(ForgetResume, FromAnOlderCheckpointBecauseTheNewestIsDamaged) {
    start({{0, 1}, {1, 0.5}, {2, 0.4}, {3, 0.3}, {4, 0.2}, {5, 0.1}}, "throw@forget.best_weights:*:6");
    const auto newest = folder_.path() / "work/checkpoints/step-00000004/manifest.json";
    ASSERT_TRUE(std::filesystem::exists(newest));
    testing::world->barrier();
    if (testing::world->is_root()) std::filesystem::resize_file(newest, 100);
    testing::world->barrier();
    start({{3, 0.6}, {4, 0.7}, {5, 0.8}, {6, 0.9}}, nullptr);
    EXPECT_EQ(report_.best_step, 2);
    EXPECT_EQ(weight_sum(*decoder_), sums_[2]);
}

}  // namespace
}  // namespace nepenthe::unlearn
