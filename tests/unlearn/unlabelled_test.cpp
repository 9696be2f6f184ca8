// Blocks without a label are left out before the first step: they change nothing but the count that is told of them.

#include "dist/collectives.h"
#include "expected_errors.h"
#include "io/file.h"
#include "mpi_world.h"
#include "shared_folder.h"
#include "train/tiny_decoder.h"
#include "unlearn/forget_labels.h"
#include "unlearn/relabel/labels.h"
#include "unlearn/relabel/relabel.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

namespace nepenthe::unlearn {
namespace {

using testing::world;

model::Decoder tiny(std::uint64_t seed) {
    return model::Decoder::create(testing::tiny_config(), seed, model::Compute::kFloat32);
}

// A token a letter, a = 0 … h = 7, and no BOS: a document that is a term and nothing else has no label.
class Unlabelled : public ::testing::Test {
  protected:
    Unlabelled() : folder_(*world) {
        if (world->is_root()) {
            io::write_file_atomically(folder_.path() / "tokenizer.json", R"({"model": {"type": "BPE", "merges": [],
                "vocab": {"a": 0, "b": 1, "c": 2, "d": 3, "e": 4, "f": 5, "g": 6, "h": 7, ",": 8}}})");
        }
        world->barrier();
        tokenizer_.emplace(text::Tokenizer::load(folder_.path()));
    }

    store::Artefact labels(const std::vector<std::string>& documents) const {
        RelabelInputs inputs;
        inputs.load_baseline = [] { return tiny(1); };
        inputs.load_reinforced = [] { return tiny(2); };
        inputs.baseline_digest = inputs.reinforced_digest = "tiny";
        inputs.tokenizer = &*tokenizer_;
        inputs.dictionary = parse_dictionary(R"({"abc": ["hg"]})", "test");
        inputs.documents = documents;
        RelabelOptions options;
        options.plausible = 0;
        options.block = 16;
        options.top_k = 4;
        return relabel(*world, inputs, options, folder_.path() / "outputs");
    }

    testing::LabelOutcome forgotten(const store::Artefact& artefact, const char* work, model::Decoder& decoder) const {
        testing::LabelRun options;
        options.labels.targets = {TargetKind::kHard, 0};
        options.forget.train.lr = 1e-3;
        options.forget.train.global_batch = 1;
        options.forget.train.micro_batch = 1;
        options.forget.train.epochs = 2;
        options.forget.train.deterministic = true;
        options.forget.train.checkpoint_minutes = 0;
        options.labels.holdout_share = 0.3;
        const auto collectives = dist::make_mpi_collectives(*world);
        return testing::forget_labels(*world, *collectives, decoder, artefact.folder, {}, options,
                                      folder_.path() / work);
    }

    testing::SharedFolder folder_;
    std::optional<text::Tokenizer> tokenizer_;
};

TEST_F(Unlabelled, BlocksAreLeftOutAndCounted) {
    const std::vector<std::string> labelled{"abc,def", "fed,abc,hgf", "gh,gh", "d,e,f,g"};
    std::vector<std::string> mixed{"abc", labelled[0], labelled[1], "d", "abc", labelled[2], labelled[3], "h"};
    auto plain = tiny(1), left_out = tiny(1);
    const testing::LabelOutcome without = forgotten(labels(labelled), "plain", plain);
    const testing::LabelOutcome with = forgotten(labels(mixed), "mixed", left_out);
    EXPECT_EQ(without.counts.unlabelled_blocks, 0);
    EXPECT_EQ(with.counts.unlabelled_blocks, 4);
    EXPECT_EQ(with.counts.train_blocks, without.counts.train_blocks);
    EXPECT_EQ(with.counts.holdout_blocks, 1);
    EXPECT_EQ(with.counts.labelled, without.counts.labelled);
    EXPECT_EQ(with.counts.to_json()["unlabelled_blocks"], 4);
    ASSERT_EQ(with.train.steps.size(), without.train.steps.size());
    for (std::size_t i = 0; i < with.train.steps.size(); ++i) {
        EXPECT_EQ(with.train.steps[i].loss, without.train.steps[i].loss);
    }
    EXPECT_TRUE(at::equal(testing::all_weights(plain), testing::all_weights(left_out)));
}

TEST_F(Unlabelled, NothingToLabelIsRefusedBeforeTheForwardPass) {
    const std::string message = testing::message_of(ErrorKind::kData, [&] { labels({"abc", "d"}); });
    testing::expect_contains(message, "no position of the corpus's 2 blocks would get a label");
}

TEST(LabelRows, LeaveOutKeepsTheOrder) {
    LabelRows rows;
    rows.ids = {{1, 2}, {3, 4}, {5, 6}, {7, 8}};
    rows.labels = {{kNoLabel, kNoLabel}, {4, kNoLabel}, {kNoLabel, kNoLabel}, {8, kNoLabel}};
    rows.blocks = {0, 1, 2, 3};
    EXPECT_EQ(rows.leave_out_unlabelled(), 2);
    EXPECT_EQ(rows.blocks, (std::vector<std::uint64_t>{1, 3}));
    EXPECT_EQ(rows.ids, (std::vector<std::vector<std::int32_t>>{{3, 4}, {7, 8}}));
    EXPECT_EQ(rows.labels, (std::vector<std::vector<std::int32_t>>{{4, kNoLabel}, {8, kNoLabel}}));
    EXPECT_EQ(rows.leave_out_unlabelled(), 0);
}

}  // namespace
}  // namespace nepenthe::unlearn
