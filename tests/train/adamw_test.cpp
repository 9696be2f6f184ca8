#include "train/adamw.h"

#include <torch/types.h>

#include <gtest/gtest.h>

#include <cmath>

namespace nepenthe::train {
namespace {

constexpr std::int64_t kNumel = 100003;  // several blocks and a remainder

TEST(AdamW, FollowsAScalarReferenceAndAtensFusedKernel) {
    torch::manual_seed(1);
    at::Tensor weight = at::randn({kNumel}), first = at::zeros({kNumel}), second = at::zeros({kNumel});
    at::Tensor peer = weight.clone(), peer_first = first.clone(), peer_second = second.clone();
    std::vector<double> w(kNumel), m(kNumel), v(kNumel);
    for (std::int64_t i = 0; i < kNumel; ++i) {
        w[static_cast<std::size_t>(i)] = weight[i].item<double>();
    }
    for (int t = 1; t <= 3; ++t) {
        const at::Tensor gradient = at::randn({kNumel});
        const AdamWStep step{t, 1e-3, 0.9, 0.999, 1e-8, 0.1, 1.0};
        const at::Tensor before = weight.clone();
        const auto changed = adamw_update(step, weight, first, second, gradient, weight).item<std::int64_t>();
        EXPECT_EQ(changed, weight.ne(before).sum().item<std::int64_t>());
        at::_fused_adamw_({peer}, {gradient}, {peer_first}, {peer_second}, {},
                          {at::scalar_tensor(static_cast<double>(t))}, 1e-3, 0.9, 0.999, 0.1, 1e-8, false, false);
        const float* g = gradient.const_data_ptr<float>();
        for (std::size_t i = 0; i < w.size(); ++i) {
            m[i] = 0.9 * m[i] + 0.1 * static_cast<double>(g[i]);
            v[i] = 0.999 * v[i] + 0.001 * static_cast<double>(g[i]) * static_cast<double>(g[i]);
            const double root = std::sqrt(v[i]) / std::sqrt(1 - std::pow(0.999, t)) + 1e-8;
            w[i] = w[i] * (1 - 1e-3 * 0.1) - 1e-3 / (1 - std::pow(0.9, t)) * m[i] / root;
        }
    }
    const at::Tensor reference = at::from_blob(w.data(), {kNumel}, at::kDouble);
    // Three steps, each rounded once to fp32 at weights up to 4.5.
    EXPECT_LT((weight - reference).abs().div(reference.abs().clamp_min(1.0)).max().item<double>(), 3e-7);
    EXPECT_LT((weight - peer).abs().div(peer.abs().clamp_min(1.0)).max().item<double>(), 4e-7);
}

TEST(AdamW, RoundsBFloat16ToNearestEvenAndCountsWhatMoved) {
    torch::manual_seed(2);
    at::Tensor master = at::randn({kNumel});
    at::Tensor weight = master.to(at::kBFloat16);
    const at::Tensor before = weight.clone(), gradient = at::randn({kNumel});
    at::Tensor first = at::zeros({kNumel}), second = at::zeros({kNumel});
    const AdamWStep step{1, 1e-3, 0.9, 0.999, 1e-8, 0, 1.0};
    const auto changed = adamw_update(step, master, first, second, gradient, weight).item<std::int64_t>();
    EXPECT_TRUE(at::equal(weight, master.to(at::kBFloat16)));
    EXPECT_EQ(changed, weight.ne(before).sum().item<std::int64_t>());
    EXPECT_LT(changed, kNumel);  // the bf16 stall that fp32 masters are there for
}

// Three steps on gradients of very different sizes, as devices take them and as hosts do.
TEST(AdamW, IsTheSameComposedAsDevicesRunIt) {
    for (const bool low : {false, true}) {
        torch::manual_seed(3);
        const at::Tensor master = at::randn({kNumel}), first = at::zeros({kNumel}), second = at::zeros({kNumel});
        const at::Tensor weight = low ? master.to(at::kBFloat16) : master;
        const at::Tensor other = master.clone(), other_first = first.clone(), other_second = second.clone();
        const at::Tensor other_weight = low ? other.to(at::kBFloat16) : other;
        at::Tensor largest = at::zeros({kNumel});  // addend of the first moment: what is left of them may be less
        for (int t = 1; t <= 3; ++t) {
            const at::Tensor gradient =
                at::randn({kNumel}) * at::pow(10.0, at::randint(-6, 2, {kNumel}).to(at::kFloat));
            const AdamWStep step{t, 1e-3, 0.9, 0.98, 1e-8, 0.1, 0.5};
            largest = at::maximum(largest, gradient.abs() * (0.5 * 0.1));
            const auto changed = adamw_update(step, master, first, second, gradient, weight).item<std::int64_t>();
            const auto other_changed =
                composed_adamw_update(step, other, other_first, other_second, gradient, other_weight)
                    .item<std::int64_t>();
            EXPECT_GT(other_changed, 0);
            EXPECT_NEAR(static_cast<double>(changed), static_cast<double>(other_changed), 1e-3 * kNumel);
        }
        // What is rounded where differs by an instruction or two.
        EXPECT_LT((master - other).abs().div(master.abs().clamp_min(1.0)).max().item<double>(), 4e-7);
        EXPECT_LT(((first - other_first).abs() / largest).max().item<double>(), 1e-6);
        EXPECT_TRUE(at::allclose(second, other_second, 1e-6, 1e-18));
        if (low) {
            EXPECT_TRUE(at::equal(other_weight, other.to(at::kBFloat16)));
        }
    }
}

}  // namespace
}  // namespace nepenthe::train
