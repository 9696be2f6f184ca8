#include "model/generate.h"

#include "base/error.h"
#include "model/golden_case.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

namespace nepenthe::model {
namespace {

using Ids = std::vector<text::TokenId>;

const Decoder& tiny() {
    static const Decoder decoder = Decoder::load(golden_folder("gemma3_text"), Compute::kFloat32);
    return decoder;
}

// The whole prefix again for every token: what the cache must reproduce.
Ids without_cache(const Decoder& decoder, Ids ids, std::int64_t count) {
    const at::NoGradGuard no_grad;
    Ids result;
    for (std::int64_t i = 0; i < count; ++i) {
        const std::vector<std::int64_t> wide(ids.begin(), ids.end());
        const at::Tensor logits = decoder.logits({at::tensor(wide).unsqueeze(0), {}})[0];
        result.push_back(static_cast<text::TokenId>(logits[logits.size(0) - 1].argmax().item<std::int64_t>()));
        ids.push_back(result.back());
    }
    return result;
}

TEST(Generate, GreedyEqualsTheForwardPassWithoutCache) {
    const std::vector<Ids> prompts{{5, 6, 7}, {9, 3, 4, 8, 10, 11, 12}, {20}};
    GenerateOptions options;
    options.max_new_tokens = 12;
    const std::vector<Ids> found = generate(tiny(), prompts, options, {0, 1, 2});
    for (std::size_t i = 0; i < prompts.size(); ++i) {
        EXPECT_EQ(found[i], without_cache(tiny(), prompts[i], 12)) << i;
    }
}

// Beyond the original length all positions turn by other angles: the cache is filled again.
TEST(Generate, GreedyEqualsTheForwardPassWhereAnglesFollowTheLength) {
    const Decoder decoder = Decoder::load(golden_folder("phi3_longrope"), Compute::kFloat32);
    const std::vector<Ids> prompts{{5, 6, 7}, {9, 3, 4, 8, 10, 11, 12}, {20}};
    GenerateOptions options;
    options.max_new_tokens = 12;
    const std::vector<Ids> found = generate(decoder, prompts, options, {0, 1, 2});
    for (std::size_t i = 0; i < prompts.size(); ++i) {
        EXPECT_EQ(found[i], without_cache(decoder, prompts[i], 12)) << i;
    }
}

TEST(Generate, StopsAfterTheStopToken) {
    GenerateOptions options;
    options.max_new_tokens = 12;
    const Ids whole = generate(tiny(), {{5, 6, 7}}, options, {0})[0];
    options.stop = {whole[4]};
    const Ids stopped = generate(tiny(), {{5, 6, 7}, {20}}, options, {0, 1})[0];
    const auto first = std::ranges::find(whole, whole[4]);
    EXPECT_EQ(stopped, Ids(whole.begin(), first + 1));
}

TEST(Generate, SamplesByPromptIdNotByPlaceInTheBatch) {
    GenerateOptions options;
    options.max_new_tokens = 10;
    options.greedy = false;
    options.seed = 4;
    const std::vector<Ids> both = generate(tiny(), {{5, 6}, {7, 8, 9}}, options, {0, 1});
    EXPECT_EQ(generate(tiny(), {{7, 8, 9}}, options, {1})[0], both[1]);
    options.seed = 5;
    EXPECT_NE(generate(tiny(), {{7, 8, 9}}, options, {1})[0], both[1]);
}

TEST(Generate, TopOneAndTinyTopPAreGreedy) {
    GenerateOptions greedy;
    greedy.max_new_tokens = 8;
    const Ids wanted = generate(tiny(), {{5, 6}}, greedy, {0})[0];
    GenerateOptions options = greedy;
    options.greedy = false;
    options.top_k = 1;
    EXPECT_EQ(generate(tiny(), {{5, 6}}, options, {0})[0], wanted);
    options.top_k = 0;
    options.top_p = 1e-9;
    EXPECT_EQ(generate(tiny(), {{5, 6}}, options, {0})[0], wanted);
    options.top_p = 1.0;
    options.temperature = 1e-4;
    EXPECT_EQ(generate(tiny(), {{5, 6}}, options, {0})[0], wanted);
}

TEST(Generate, FrequenciesFollowTheProbabilities) {
    const at::NoGradGuard no_grad;
    GenerateOptions options;
    options.max_new_tokens = 1;
    options.greedy = false;
    options.top_k = 5;
    const at::Tensor logits = tiny().logits({at::tensor({5, 6}, at::kLong).unsqueeze(0), {}})[0][1];
    const auto [values, indices] = logits.topk(5);
    const at::Tensor p = at::softmax(values, 0);
    std::vector<Ids> prompts(4000, Ids{5, 6});
    std::vector<std::uint64_t> ids(prompts.size());
    std::iota(ids.begin(), ids.end(), std::uint64_t{0});
    std::map<text::TokenId, int> counts;
    for (const Ids& drawn : generate(tiny(), prompts, options, ids)) {
        ++counts[drawn[0]];
    }
    for (std::int64_t i = 0; i < 5; ++i) {
        const auto token = static_cast<text::TokenId>(indices[i].item<std::int64_t>());
        EXPECT_NEAR(counts[token] / 4000.0, p[i].item<double>(), 0.035) << i;
    }
}

TEST(Generate, RefusesWhatCannotBeMeant) {
    GenerateOptions options;
    EXPECT_THROW(generate(tiny(), {{}}, options, {0}), Error);
    EXPECT_THROW(generate(tiny(), {{99}}, options, {0}), Error);
    options.greedy = false;
    options.temperature = 0;
    EXPECT_THROW(generate(tiny(), {{5}}, options, {0}), Error);
    EXPECT_TRUE(generate(tiny(), {}, GenerateOptions{}, {}).empty());
}

}  // namespace
}  // namespace nepenthe::model
