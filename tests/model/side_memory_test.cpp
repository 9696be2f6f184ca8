// Serving a side memory: who is answered by it, and that nothing else changes.

#include "model/side_memory.h"
#include "base/error.h"
#include "io/file.h"
#include "model/checkpoint_io.h"
#include "model/decoder.h"
#include "model/generate.h"
#include "model/model_files.h"
#include "model/score.h"
#include "temporary_folder.h"

#include <gtest/gtest.h>
#include <torch/types.h>

#include <algorithm>
#include <filesystem>

namespace nepenthe::model {
namespace {

constexpr std::int64_t kLayer = 1;

std::filesystem::path family(const std::string& name) {
    return std::filesystem::path(NEPENTHE_SOURCE_DIR) / "tests" / "golden" / "families" / name;
}

Decoder load(const std::string& name) { return Decoder::load(family(name), Compute::kFloat32); }

// Ids of `length` tokens, another text for every seed.
std::vector<text::TokenId> some_ids(const Decoder& decoder, std::uint64_t seed, std::size_t length) {
    RandomStream random(seed, "test.ids", 0);
    std::vector<text::TokenId> ids(length);
    for (auto& id : ids)
        id = static_cast<text::TokenId>(random.below(static_cast<std::uint64_t>(decoder.config().vocabulary)));
    return ids;
}

at::Tensor row_of(const std::vector<text::TokenId>& ids) {
    return at::tensor(std::vector<std::int64_t>(ids.begin(), ids.end()), at::kLong).unsqueeze(0);
}

// The key of a prompt's tokens: [position, intermediate].
at::Tensor keys_of(const Decoder& decoder, const std::vector<text::TokenId>& ids) {
    const Batch batch{row_of(ids), {}};
    const Context context = decoder.context(batch);
    at::Tensor hidden = decoder.embed(batch.ids, context);
    for (std::int64_t layer = 0; layer < kLayer; ++layer) hidden = decoder.block(layer, hidden, context);
    return decoder.mlp_key(kLayer, hidden, decoder.after_attention(kLayer, hidden, context))[0];
}

// An alternative that changes what the keys of `wanted` write, by a rank-one change along their mean without what the
// keys of `others` share with it; its threshold lies between the two.
SideMemory memory_for(const Decoder& decoder, const std::vector<text::TokenId>& wanted,
                      const std::vector<std::vector<text::TokenId>>& others) {
    const at::NoGradGuard no_grad;
    const std::string name = decoder.mlp_output_name(kLayer);
    const at::Tensor weight = decoder.parameter(name).detach();
    const bool transposed = decoder.stores_transposed(name);
    at::Tensor direction = keys_of(decoder, wanted).narrow(0, 1, static_cast<std::int64_t>(wanted.size()) - 1).mean(0);
    std::vector<at::Tensor> rows;
    for (const auto& other : others) rows.push_back(keys_of(decoder, other));
    const at::Tensor basis = std::get<0>(at::linalg_qr(at::cat(rows).t()));  // what the others span
    direction = direction - at::matmul(basis, at::matmul(basis.t(), direction));
    direction = direction / direction.norm();
    const at::Tensor change = at::ger(at::sin(at::arange(decoder.config().hidden, at::kFloat)) * 3.0, direction);
    SideMemory memory;
    memory.layer = kLayer;
    memory.alternatives.push_back({weight + (transposed ? change.t() : change), 0.0});
    const at::Tensor reached = at::matmul(keys_of(decoder, wanted), change.t()).norm(2, {1});
    memory.alternatives[0].threshold = reached.narrow(0, 1, reached.size(0) - 1).mean().item<double>();
    return memory;
}

// Wanted and other prompts of a decoder that carries a memory for the first.
struct Scene {
    Decoder decoder;
    std::vector<text::TokenId> wanted;
    std::vector<std::vector<text::TokenId>> others;

    explicit Scene(const std::string& name) : decoder(load(name)), wanted(some_ids(decoder, 1, 5)) {
        for (std::uint64_t seed = 2; seed < 4; ++seed) others.push_back(some_ids(decoder, seed, 3 + seed));
        decoder.attach_side_memory(std::make_shared<const SideMemory>(memory_for(decoder, wanted, others)));
    }
    at::Tensor logits(const std::vector<text::TokenId>& ids) const {
        const at::NoGradGuard no_grad;
        return decoder.logits({row_of(ids), {}})[0];
    }
    // The same without the memory.
    at::Tensor plain(const std::vector<text::TokenId>& ids) {
        const auto memory = decoder.side_memory();
        decoder.attach_side_memory(nullptr);
        const at::Tensor result = logits(ids);
        decoder.attach_side_memory(memory);
        return result;
    }
};

class SideMemories : public ::testing::TestWithParam<const char*> {};

TEST_P(SideMemories, AnswerTheirPromptsAndLeaveTheOthersBitForBit) {
    Scene scene(GetParam());
    EXPECT_GT((scene.logits(scene.wanted) - scene.plain(scene.wanted)).abs().max().item<double>(), 1e-3);
    for (const auto& other : scene.others) EXPECT_TRUE(at::equal(scene.logits(other), scene.plain(other)));
}

TEST_P(SideMemories, RouteEverySequenceOfABatchForItself) {
    const at::NoGradGuard no_grad;
    Scene scene(GetParam());
    std::vector<std::vector<text::TokenId>> texts = scene.others;
    texts.insert(texts.begin() + 1, scene.wanted);
    std::size_t longest = 0;
    for (const auto& text : texts) longest = std::max(longest, text.size());
    for (const bool left : {false, true}) {
        const auto rows = static_cast<std::int64_t>(texts.size()), columns = static_cast<std::int64_t>(longest + 2);
        // Padding of real ids: were it counted, it would move the distances.
        Batch batch{at::full({rows, columns}, 7, at::kLong), at::zeros({rows, columns}, at::kBool)};
        for (std::int64_t row = 0; row < rows; ++row) {
            const auto& text = texts[static_cast<std::size_t>(row)];
            const auto length = static_cast<std::int64_t>(text.size()), begin = left ? columns - length : 0;
            batch.ids[row].narrow(0, begin, length).copy_(row_of(text)[0]);
            batch.mask[row].narrow(0, begin, length).fill_(true);
        }
        const at::Tensor together = scene.decoder.logits(batch);
        for (std::int64_t row = 0; row < rows; ++row) {
            const auto& text = texts[static_cast<std::size_t>(row)];
            const auto length = static_cast<std::int64_t>(text.size()), begin = left ? columns - length : 0;
            const at::Tensor alone = scene.logits(text);
            EXPECT_LT((together[row].narrow(0, begin, length) - alone).abs().max().item<double>(), 2e-4)
                << (left ? "left" : "right") << " padding, row " << row;
        }
    }
}

TEST_P(SideMemories, KeepTheDecisionForTheTokensThatFollow) {
    const at::NoGradGuard no_grad;
    Scene scene(GetParam());
    // A tail that would not be routed by itself, after a prompt that is, and the other way round.
    for (const bool wanted_first : {true, false}) {
        const auto& prompt = wanted_first ? scene.wanted : scene.others[0];
        const auto& tail = wanted_first ? scene.others[1] : scene.wanted;
        std::vector<text::TokenId> whole = prompt;
        whole.insert(whole.end(), tail.begin(), tail.end());
        Batch joint{row_of(whole), {}, at::zeros({1, static_cast<std::int64_t>(whole.size())}, at::kBool)};
        joint.prompt.narrow(1, 0, static_cast<std::int64_t>(prompt.size())).fill_(true);
        const at::Tensor expected = scene.decoder.logits(joint)[0];

        KvCache cache(scene.decoder.config().layers);
        at::Tensor states;
        for (std::size_t at = 0; at < whole.size();) {
            const std::size_t count = at == 0 ? prompt.size() : 1;
            const Batch step{row_of({whole.begin() + static_cast<std::ptrdiff_t>(at),
                                     whole.begin() + static_cast<std::ptrdiff_t>(at + count)}),
                             {}};
            const Context context = scene.decoder.context(step, &cache);
            at::Tensor hidden = scene.decoder.blocks(scene.decoder.embed(step.ids, context), context);
            states = states.defined() ? at::cat({states, hidden}, 1) : hidden;
            at += count;
        }
        EXPECT_EQ(cache.route[0].item<std::int64_t>(), wanted_first ? 1 : 0);
        EXPECT_EQ(cache.select(at::tensor({0, 0}, at::kLong)).route.numel(), 2);
        EXPECT_LT((scene.decoder.head(states)[0] - expected).abs().max().item<double>(), 2e-4);
        // A request whose first tokens are not scored is decided by them, like a prompt.
        const ScoreResult scored = score_sequences(scene.decoder, std::vector<ScoreRequest>{{whole, prompt.size()}})[0];
        const at::Tensor logp = at::log_softmax(expected, -1);
        for (std::size_t i = 0; i < scored.per_token.size(); ++i) {
            const auto position = static_cast<std::int64_t>(prompt.size() + i);
            EXPECT_NEAR(scored.per_token[i], logp[position - 1][whole[prompt.size() + i]].item<double>(), 2e-4);
        }
    }
}

TEST_P(SideMemories, GenerateTheSameInABatchAsAlone) {
    Scene scene(GetParam());
    GenerateOptions options;
    options.max_new_tokens = 6;
    std::vector<std::vector<text::TokenId>> prompts = scene.others;
    prompts.push_back(scene.wanted);
    const auto together = generate(scene.decoder, prompts, options, {0, 1, 2});
    for (std::size_t i = 0; i < prompts.size(); ++i) {
        EXPECT_EQ(together[i], generate(scene.decoder, {prompts[i]}, options, {i})[0]) << "prompt " << i;
    }
}

TEST_P(SideMemories, ComeBackFromDiskAsTheyWere) {
    Scene scene(GetParam());
    const nepenthe::testing::TemporaryFolder folder, again;
    save_model(scene.decoder, family(GetParam()), folder.path());
    const Decoder loaded = Decoder::load(folder.path(), Compute::kFloat32);
    ASSERT_NE(loaded.side_memory(), nullptr);
    EXPECT_EQ(loaded.side_memory()->alternatives[0].threshold, scene.decoder.side_memory()->alternatives[0].threshold);
    const at::NoGradGuard no_grad;
    EXPECT_TRUE(at::equal(loaded.logits({row_of(scene.wanted), {}})[0], scene.logits(scene.wanted)));
    EXPECT_NE(model_digest(folder.path()), model_digest(family(GetParam())));
    // Saved from there without it, none of it is left.
    Decoder without = Decoder::load(folder.path(), Compute::kFloat32);
    without.attach_side_memory(nullptr);
    save_model(without, folder.path(), again.path());
    EXPECT_FALSE(holds_side_memory(again.path()));
    EXPECT_EQ(model_digest(again.path()), model_digest(family(GetParam())));
}

INSTANTIATE_TEST_SUITE_P(Families, SideMemories, ::testing::Values("gpt2", "llama", "gemma3_text", "gptj"),
                         [](const auto& test) { return std::string(test.param); });

TEST(SideMemory, RefusesWhatDoesNotFit) {
    Scene scene("llama");
    SideMemory bad = *scene.decoder.side_memory();
    bad.alternatives[0].weight = at::full_like(bad.alternatives[0].weight, std::numeric_limits<float>::quiet_NaN());
    bad.ratio = -1;
    try {
        scene.decoder.attach_side_memory(std::make_shared<const SideMemory>(bad));
        ADD_FAILURE() << "accepted";
    } catch (const Error& error) {
        EXPECT_NE(std::string(error.what()).find("NaN"), std::string::npos);
        EXPECT_NE(std::string(error.what()).find("ratio"), std::string::npos);
    }
    bad = *scene.decoder.side_memory();
    bad.alternatives[0].weight = at::zeros({3, 4});
    EXPECT_THROW(scene.decoder.attach_side_memory(std::make_shared<const SideMemory>(bad)), Error);
    bad = *scene.decoder.side_memory();
    bad.layer = 99;
    EXPECT_THROW(scene.decoder.attach_side_memory(std::make_shared<const SideMemory>(bad)), Error);

    const nepenthe::testing::TemporaryFolder folder;
    save_side_memory(*scene.decoder.side_memory(), folder.path());
    const auto description = folder.path() / kSideMemoryDescription;
    const Json good = parse_json(io::read_file(description), "description");
    for (const char* change : {R"({"thresholds": []})", R"({"layer": "one"})", R"({"distance": "far"})",
                               R"({"format_version": 9})", R"({"thresholds": [1, 2]})"}) {
        Json json = good;
        json.update(parse_json(change, "change"));
        io::write_file_atomically(description, json.dump());
        EXPECT_THROW(load_side_memory(folder.path(), at::kFloat, at::kCPU), Error) << change;
    }
    std::filesystem::remove(description);
    EXPECT_TRUE(holds_side_memory(folder.path()));  // half of one is an error, not none
    EXPECT_THROW(load_side_memory(folder.path(), at::kFloat, at::kCPU), Error);
}

TEST(SideMemory, DistancesCountNoPaddingAndNoFirstToken) {
    const at::Tensor distances = at::tensor({9.0F, 2.0F, 4.0F, 100.0F, 100.0F, 9.0F, 2.0F, 4.0F}).view({2, 4});
    at::Tensor mask = at::ones({2, 4}, at::kBool);
    mask[0][3] = false;
    mask[1][0] = false;
    const at::Tensor mean = pooled_distances(SidePooling::kMean, distances, mask);
    EXPECT_EQ(mean[0].item<float>(), 3.0F);
    EXPECT_EQ(mean[1].item<float>(), 3.0F);
    EXPECT_EQ(pooled_distances(SidePooling::kPublished, distances, mask)[0].item<float>(), 5.0F);
    // A single token decides by itself; NaN at padding does not reach the mean.
    at::Tensor single = at::zeros({1, 3}, at::kBool);
    single[0][2] = true;
    const at::Tensor spoiled = at::tensor({std::numeric_limits<float>::quiet_NaN(), 1.0F, 6.0F}).view({1, 3});
    EXPECT_EQ(pooled_distances(SidePooling::kMean, spoiled, single)[0].item<float>(), 6.0F);
    // Beyond 100 tokens the published code takes the largest.
    const at::Tensor long_text = at::cat({at::full({1, 1}, 50.0F), at::ones({1, 100})}, 1);
    EXPECT_EQ(pooled_distances(SidePooling::kPublished, long_text, at::ones({1, 101}, at::kBool))[0].item<float>(),
              50.0F);
}

}  // namespace
}  // namespace nepenthe::model
