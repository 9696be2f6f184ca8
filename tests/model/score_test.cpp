#include "model/score.h"

#include "base/error.h"
#include "model/golden_case.h"
#include "model/token_scores.h"

#include <gtest/gtest.h>
#include <torch/types.h>

#include <numeric>

namespace nepenthe::model {
namespace {

std::vector<text::TokenId> count_up(std::size_t n) {
    std::vector<text::TokenId> ids(n);
    std::iota(ids.begin(), ids.end(), 3);
    return ids;
}

TEST(SlidingWindows, ScoreEveryTokenButTheFirstOnce) {
    for (const std::size_t length : {0u, 1u, 2u, 7u, 8u, 9u, 20u, 33u}) {
        for (const std::int64_t stride : {0, 1, 3, 7}) {
            const std::vector<text::TokenId> ids = count_up(length);
            std::vector<text::TokenId> scored;
            for (const ScoreRequest& request : sliding_windows(ids, {.window = 8, .stride = stride})) {
                EXPECT_LE(request.ids.size(), 8u);
                EXPECT_GE(request.first, 1u);
                scored.insert(scored.end(), request.ids.begin() + static_cast<std::ptrdiff_t>(request.first),
                              request.ids.end());
            }
            const std::vector<text::TokenId> wanted(ids.begin() + (length > 0 ? 1 : 0), ids.end());
            EXPECT_EQ(scored, wanted) << length << " " << stride;
        }
    }
    EXPECT_THROW(sliding_windows(count_up(5), {.window = 1}), Error);
    EXPECT_THROW(sliding_windows(count_up(5), {.window = 4, .stride = 5}), Error);
}

TEST(Score, EqualsALogSoftmaxOfTheLogits) {
    const at::NoGradGuard no_grad;
    const Decoder decoder = Decoder::load(golden_folder("gemma3_text"), Compute::kFloat32);
    std::vector<ScoreRequest> requests;
    for (const std::size_t length : {5u, 12u, 2u, 9u}) {
        requests.push_back({count_up(length), length / 2});
    }
    const std::vector<ScoreResult> results = score_sequences(decoder, requests, 16, Moments::kOfLogProbabilities);
    EXPECT_TRUE(score_sequences(decoder, requests, 16)[0].mean.empty());
    for (std::size_t i = 0; i < requests.size(); ++i) {
        const std::vector<std::int64_t> wide(requests[i].ids.begin(), requests[i].ids.end());
        const at::Tensor ids = at::tensor(wide).unsqueeze(0);
        const at::Tensor expected = at::log_softmax(decoder.logits({ids, {}})[0].to(at::kDouble), -1);
        double sum = 0;
        bool greedy = true;
        for (std::size_t t = requests[i].first; t < wide.size(); ++t) {
            const at::Tensor row = expected[static_cast<std::int64_t>(t) - 1];
            sum += row[wide[t]].item<double>();
            greedy = greedy && row.argmax().item<std::int64_t>() == wide[t];
            const std::size_t scored = t - requests[i].first;
            const double mean = (row.exp() * row).sum().item<double>();
            EXPECT_EQ(results[i].is_greedy[scored], row.argmax().item<std::int64_t>() == wide[t]);
            EXPECT_NEAR(results[i].mean[scored], mean, 1e-4);
            EXPECT_NEAR(results[i].variance[scored], (row.exp() * (row - mean).square()).sum().item<double>(), 1e-4);
        }
        EXPECT_EQ(results[i].tokens, static_cast<std::int64_t>(wide.size() - requests[i].first));
        EXPECT_EQ(results[i].per_token.size(), wide.size() - requests[i].first);
        EXPECT_NEAR(results[i].log_likelihood, sum, 1e-4);
        EXPECT_EQ(results[i].greedy, greedy);
    }
    EXPECT_TRUE(score_sequences(decoder, {}).empty());
    const std::vector<ScoreRequest> nothing{{count_up(1), 1}};
    EXPECT_EQ(score_sequences(decoder, nothing)[0].tokens, 0);
}

// What devices run, on the host.
TEST(TokenScores, AreTheSameFromWholeRows) {
    for (const char* family : {"gemma3_text", "phi", "capped"}) {
        Decoder decoder = Decoder::load(golden_folder(*family == 'c' ? "llama" : family), Compute::kFloat32);
        if (*family == 'c') {
            DecoderConfig config = decoder.config();
            config.logit_soft_cap = 0.1;
            decoder = Decoder::create(config, 3, Compute::kFloat32);
        }
        const std::int64_t vocabulary = decoder.config().vocabulary;
        torch::manual_seed(8);
        const at::Tensor states = at::randn({700, decoder.config().hidden});
        const at::Tensor targets = at::randint(vocabulary, {700}, at::kLong);
        const Moments moments = Moments::kOfLogProbabilities;
        const TokenScores mine = score_tokens(decoder, states, targets, moments),
                          composed = composed_token_scores(decoder, states, targets, moments);
        EXPECT_TRUE(at::allclose(mine.log_probabilities, composed.log_probabilities, 1e-5, 1e-5)) << family;
        EXPECT_TRUE(mine.best.equal(composed.best)) << family;
        EXPECT_TRUE(mine.greedy.equal(composed.greedy)) << family;
        EXPECT_TRUE(at::allclose(mine.mean, composed.mean, 1e-5, 1e-5)) << family;
        EXPECT_TRUE(at::allclose(mine.variance, composed.variance, 1e-4, 1e-5)) << family;
    }
}

TEST(Score, RefusesIdsOutsideTheVocabulary) {
    const Decoder decoder = Decoder::load(golden_folder("llama"), Compute::kFloat32);
    const std::vector<ScoreRequest> requests{{{1, 2, 37}, 1}};
    EXPECT_THROW(score_sequences(decoder, requests), Error);
}

}  // namespace
}  // namespace nepenthe::model
