// Ranks within rows by hand, and the density that a cut through them has.
#include "unlearn/attribution/wanda.h"

#include "expected_errors.h"

#include <gtest/gtest.h>
#include <torch/types.h>

#include <cmath>
#include <limits>
#include <vector>

namespace nepenthe::unlearn {
namespace {

std::vector<float> scores_of(const at::Tensor& weight, bool transposed, const at::Tensor& norms, std::int64_t begin = 0,
                             std::int64_t end = -1) {
    std::vector<float> out(static_cast<std::size_t>((end < 0 ? weight.numel() : end) - begin));
    wanda_scores(weight, transposed, norms, begin, out);
    return out;
}

TEST(Wanda, HandValues) {
    const at::Tensor weight = torch::tensor({1.0f, -2.0f, 3.0f, 0.0f, 8.0f, 1.0f, 1.0f, 1.0f}).view({2, 4});
    const at::Tensor norms = torch::tensor({4.0f, 1.0f, 1.0f, 1.0f});
    // Products 4 2 3 0 and 32 1 1 1; equal ones by place.
    const std::vector<float> expected{1, .5f, .75f, .25f, 1, .75f, .5f, .25f};
    EXPECT_EQ(scores_of(weight, false, norms), expected);
    // |w| alone: 1 2 3 0.
    EXPECT_EQ(scores_of(weight, false, {}, 0, 4), (std::vector<float>{.5f, .75f, 1, .25f}));
    EXPECT_EQ(scores_of(torch::tensor({1.0f, -2.0f}), false, {}), (std::vector<float>{.5f, 1}));
}

TEST(Wanda, StorageAndRangesDoNotMatter) {
    const at::Tensor weight = torch::randn({13, 29}), norms = torch::rand(29);
    const std::vector<float> whole = scores_of(weight, false, norms);
    const std::vector<float> columns = scores_of(weight.t().contiguous(), true, norms);
    for (std::size_t output = 0; output < 13; ++output) {
        for (std::size_t input = 0; input < 29; ++input)
            EXPECT_EQ(whole[output * 29 + input], columns[input * 13 + output]);
    }
    for (const auto& [begin, end] : {std::pair{0, 5}, {28, 30}, {100, 300}, {376, 377}, {40, 40}}) {
        EXPECT_EQ(scores_of(weight, false, norms, begin, end),
                  std::vector<float>(whole.begin() + begin, whole.begin() + end));
        EXPECT_EQ(scores_of(weight.t().contiguous(), true, norms, begin, end),
                  std::vector<float>(columns.begin() + begin, columns.begin() + end));
    }
}

TEST(Wanda, ACutKeepsTheSameShareOfEveryOutput) {
    const at::Tensor weight =
        torch::randn({7, 40}) * torch::tensor({1e-6f, 1.0f, 1e6f, 1e-3f, 5.0f, 1e3f, 2.0f}).view({7, 1});
    const std::vector<float> scores = scores_of(weight, false, torch::rand(40));
    for (std::size_t output = 0; output < 7; ++output) {
        int kept = 0;
        for (std::size_t input = 0; input < 40; ++input) kept += scores[output * 40 + input] > .25f;
        EXPECT_EQ(kept, 30);
    }
}

TEST(Wanda, RefusesWhatIsNoNumber) {
    const at::Tensor weight = torch::ones({2, 3});
    const at::Tensor norms = torch::tensor({1.0f, std::numeric_limits<float>::quiet_NaN(), 1.0f});
    EXPECT_EQ(nepenthe::testing::error_of([&] { scores_of(weight, false, norms); }).kind(), ErrorKind::kData);
}

}  // namespace
}  // namespace nepenthe::unlearn
