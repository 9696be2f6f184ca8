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
        const std::int64_t changed = adamw_update(step, weight, first, second, gradient, weight);
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
    const std::int64_t changed = adamw_update(step, master, first, second, gradient, weight);
    EXPECT_TRUE(at::equal(weight, master.to(at::kBFloat16)));
    EXPECT_EQ(changed, weight.ne(before).sum().item<std::int64_t>());
    EXPECT_LT(changed, kNumel);  // the bf16 stall that fp32 masters are there for
}

}  // namespace
}  // namespace nepenthe::train
