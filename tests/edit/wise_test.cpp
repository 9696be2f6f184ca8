// WISE on a model that knows stories: what is written, what stays, and that shards, masks and merges are what they are
// said to be.

#include "edit/memories/wise.h"
#include "base/error.h"
#include "base/hash.h"
#include "edit/edit_cases.h"
#include "edit/memories/side_merge.h"
#include "model/generate.h"
#include "mpi_world.h"

#include <gtest/gtest.h>
#include <torch/types.h>

#include <algorithm>
#include <cmath>
#include <iostream>

namespace nepenthe::edit {
namespace {

using testing::some_facts;
using testing::stories;

WiseInputs wise_inputs(const testing::Case& tiny) {
    WiseInputs inputs;
    inputs.tokenizer = &tiny.tokenizer;
    inputs.facts = some_facts();
    inputs.irrelevant = {"The sun was warm and the birds were singing.",
                         "There was an old tree near the river.",
                         "It was raining, so they stayed at home.",
                         "The king had a golden crown.",
                         "A car drove along the road very fast.",
                         "They all laughed and ate some bread.",
                         "In the morning the snow was gone.",
                         "Nobody knew where the key was."};
    inputs.prefixes = {"", "The day was bright", "I know this"};
    return inputs;
}

WiseResult run(testing::Case& tiny, const WiseInputs& inputs, const WiseOptions& options) {
    return wise(*nepenthe::testing::world, tiny.decoder, inputs, options, {});
}

at::Tensor logits(const testing::Case& tiny, const std::string& text) {
    const at::NoGradGuard no_grad;
    const auto ids = tiny.tokenizer.encode_ids(text, true);
    return tiny.decoder.logits(
        {at::tensor(std::vector<std::int64_t>(ids.begin(), ids.end()), at::kLong).unsqueeze(0), {}})[0];
}

// What the model says after the prompt as it stands before the target: this vocabulary has tokens that end in a space.
std::string answer(const testing::Case& tiny, const Fact& fact) {
    const EditRow row = make_row(tiny.tokenizer, "", fact.prompt, fact.subject, fact.target_new, 1 << 20);
    model::GenerateOptions options;
    options.max_new_tokens = static_cast<std::int64_t>(row.targets.size());
    const std::vector<text::TokenId> prompt(row.ids.begin(), row.ids.end() - options.max_new_tokens + 1);
    const auto said = model::generate(tiny.decoder, {prompt}, options, {0})[0];
    return said == row.targets ? fact.target_new : tiny.tokenizer.decode(said, true);
}

TEST(Wise, AnswersItsFactsAndLeavesTheRest) {
    testing::Case tiny = stories();
    const WiseInputs inputs = wise_inputs(tiny);
    const std::string weights = testing::weight_bytes(tiny.decoder);
    std::vector<at::Tensor> before;
    for (const std::string& text : inputs.irrelevant) before.push_back(logits(tiny, text));
    WiseOptions options;
    options.facts_per_shard = 2;  // a model of this size has no room for more facts in one memory
    const WiseResult result = run(tiny, inputs, options);
    EXPECT_EQ(testing::weight_bytes(tiny.decoder), weights);
    ASSERT_EQ(result.records.size(), inputs.facts.size());
    for (std::size_t i = 0; i < inputs.facts.size(); ++i) {
        const WiseRecord& record = result.records[i];
        EXPECT_EQ(record.id, inputs.facts[i].id);
        EXPECT_TRUE(record.answered_by_memory) << record.id;
        EXPECT_EQ(answer(tiny, inputs.facts[i]), inputs.facts[i].target_new)
            << record.id << ": loss " << record.report.last.target << " + " << record.report.last.activation;
        EXPECT_LT(record.report.last.target, record.report.first.target);
    }
    for (std::size_t i = 0; i < before.size(); ++i) {
        EXPECT_TRUE(at::equal(logits(tiny, inputs.irrelevant[i]), before[i])) << inputs.irrelevant[i];
    }
}

// The first of several facts about one subject is left before its margins are reached; the others carry it on.
TEST(Wise, TheThresholdRisesWithFactsOfOneSubject) {
    testing::Case tiny = stories();
    WiseInputs inputs = wise_inputs(tiny);
    inputs.facts.clear();
    for (const char* prompt :
         {"One day, {} went to the", "{} has a big red", "Then {} said it is", "{} likes to play with the"}) {
        inputs.facts.push_back(testing::fact(prompt, "Lily", prompt, "moon"));
    }
    WiseOptions options;
    options.steps = 2;
    const WiseResult result = run(tiny, inputs, options);
    const WiseRecord& first = result.records.front();
    ASSERT_GT(first.distance_at_end, 1.2 * first.report.last.bare);
    EXPECT_GT(result.memory->alternatives[0].threshold, first.report.last.bare);
    for (const WiseRecord& record : result.records) EXPECT_TRUE(record.answered_by_memory) << record.id;
}

TEST(Wise, FirstActivationLossIsBetaPlusGamma) {
    for (const bool as_published : {true, false}) {
        testing::Case tiny = stories();
        WiseInputs inputs = wise_inputs(tiny);
        inputs.facts.resize(1);
        WiseOptions options;
        if (as_published) {
            options = WiseOptions::published(find_published_wise(tiny.decoder.config(), "llama-2-7b"));
            options.layer = -1;
        }
        options.steps = 2;
        options.lr = 1e-4;
        const WiseResult result = run(tiny, inputs, options);
        EXPECT_NEAR(result.records[0].report.first.activation, 30.0, as_published ? 0.0 : 1e-5);
        EXPECT_EQ(result.records[0].report.first.inside, 0.0);
    }
}

TEST(Wise, MasksHoldTheirShareAndAreTheSameEverywhere) {
    const at::Tensor one = shard_mask(300, 400, 0.2, 7, 0), other = shard_mask(300, 400, 0.2, 7, 1);
    EXPECT_NEAR(one.mean().item<double>(), 0.2, 0.005);
    EXPECT_NEAR((one * other).mean().item<double>(), 0.04, 0.003);
    EXPECT_TRUE(at::equal(one, shard_mask(300, 400, 0.2, 7, 0)));
    EXPECT_FALSE(at::equal(one, shard_mask(300, 400, 0.2, 8, 0)));
}

TEST(Wise, NothingChangesOutsideTheMasks) {
    testing::Case tiny = stories();
    WiseInputs inputs = wise_inputs(tiny);
    WiseOptions options;
    options.facts_per_shard = 2;
    options.steps = 6;
    options.decay = 1e-2;
    const std::int64_t layer = options.effective_layer(tiny.decoder.config());
    const at::Tensor weight = tiny.decoder.parameter(tiny.decoder.mlp_output_name(layer)).detach().clone();
    const auto mask = [&](std::uint64_t shard) {
        return shard_mask(weight.size(0), weight.size(1), options.mask_ratio, options.seed, shard);
    };
    const WiseResult apart = run(tiny, inputs, options);
    ASSERT_EQ(apart.memory->alternatives.size(), 3U);
    for (std::uint64_t shard = 0; shard < 3; ++shard) {
        const at::Tensor changed = apart.memory->alternatives[shard].weight.ne(weight);
        EXPECT_GT(changed.sum().item<std::int64_t>(), 0);
        EXPECT_FALSE(changed.logical_and(mask(shard).eq(0)).any().item<bool>()) << shard;
    }
    testing::Case again = stories();
    options.merge_shards = 2;
    const WiseResult together = run(again, inputs, options);
    ASSERT_EQ(together.memory->alternatives.size(), 2U);  // two merged, one that waits for another
    const at::Tensor merged = together.memory->alternatives[0].weight;
    EXPECT_TRUE(merged.ne(weight).any().item<bool>());
    EXPECT_FALSE(merged.ne(weight).logical_and((mask(0) + mask(1)).eq(0)).any().item<bool>());
    EXPECT_TRUE(at::equal(together.memory->alternatives[1].weight, apart.memory->alternatives[2].weight));
    EXPECT_EQ(together.memory->alternatives[0].threshold,
              std::min(apart.memory->alternatives[0].threshold, apart.memory->alternatives[1].threshold));
}

TEST(Wise, MergesByTheSignOfTheSum) {
    const at::Tensor a = at::tensor({4.0F, -3.0F, 2.0F, 0.1F, 0.0F, 1.5F}),
                     b = at::tensor({2.0F, 5.0F, -0.2F, 0.0F, 0.0F, 1.6F});
    const at::Tensor merged = merge_changes({a, b}, {0.5, 0.5}, 0.5);
    // Of each the three largest stay: 4, -3, 2 and 2, 5, 1.6.
    const std::vector<float> expected = {3.0F, 5.0F, 2.0F, 0.0F, 0.0F, 1.6F};
    for (std::size_t i = 0; i < expected.size(); ++i) {
        EXPECT_FLOAT_EQ(merged[static_cast<std::int64_t>(i)].item<float>(), expected[i]) << i;
    }
    EXPECT_TRUE(at::allclose(merge_changes({a}, {1.0}, 1.0), a));
    // Weights move the mean and the sign.
    EXPECT_FLOAT_EQ(merge_changes({a, b}, {0.9, 0.1}, 1.0)[1].item<float>(), -3.0F);
}

TEST(Wise, GoesOnBehindWhatTheModelCarries) {
    testing::Case tiny = stories();
    WiseInputs inputs = wise_inputs(tiny);
    const std::vector<Fact> all = inputs.facts;
    inputs.facts = {all[0], all[1]};
    WiseOptions options;
    const auto first = run(tiny, inputs, options).memory;
    inputs.facts = {all[2], all[3]};
    const auto second = run(tiny, inputs, options).memory;
    ASSERT_EQ(second->alternatives.size(), 2U);
    EXPECT_TRUE(at::equal(second->alternatives[0].weight, first->alternatives[0].weight));
    options.layer = 0;
    EXPECT_THROW(run(tiny, inputs, options), Error);
}

TEST(Wise, RefusesWhatItCannotDo) {
    testing::Case tiny = stories();
    WiseInputs inputs = wise_inputs(tiny);
    WiseOptions options;
    options.layer = 99;
    options.beta = 1;
    inputs.irrelevant.clear();
    try {
        run(tiny, inputs, options);
        ADD_FAILURE() << "accepted";
    } catch (const Error& error) {
        for (const char* part : {"layer 99", "alpha < beta", "something else"}) {
            EXPECT_NE(std::string(error.what()).find(part), std::string::npos) << error.what();
        }
    }
    inputs = wise_inputs(tiny);
    inputs.facts[1].prompt = "no place for a subject";
    inputs.facts[3].target_new = " ";
    try {
        run(tiny, inputs, {});
        ADD_FAILURE() << "accepted";
    } catch (const Error& error) {
        for (const char* part : {"fact b", "fact d"}) {
            EXPECT_NE(std::string(error.what()).find(part), std::string::npos) << error.what();
        }
    }
    const std::vector<std::string> texts = irrelevant_texts(some_facts(), {some_facts()[0]});
    EXPECT_EQ(texts.size(), some_facts().size() - 1);
}

// The digest that tests/mpi/one_digest_test.py compares over rank counts and after kills.
TEST(Wise, PrintsItsDigest) {
    testing::Case tiny = stories();
    WiseOptions options;
    options.facts_per_shard = 2;
    options.steps = 8;
    const WiseResult result = run(tiny, wise_inputs(tiny), options);
    Sha256 hash;
    for (const auto& [weight, threshold] : result.memory->alternatives) {
        hash.update({static_cast<const std::byte*>(weight.contiguous().const_data_ptr()), weight.nbytes()});
        hash.update(fmt::format("{:a}", threshold));
    }
    for (const WiseRecord& record : result.records) hash.update(fmt::format("{:a}", record.report.last.total()));
    const std::string digest = hash.hex();
    for (const std::string& other : nepenthe::testing::world->all_gather(digest)) EXPECT_EQ(other, digest);
    if (nepenthe::testing::world->is_root()) std::cout << "digest " << digest << "\n";
}

}  // namespace
}  // namespace nepenthe::edit
