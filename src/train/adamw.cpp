#include "train/adamw.h"

#include "base/error.h"
#include "kernels/vector_math.h"

#include <ATen/Parallel.h>
#include <torch/types.h>

#include <algorithm>
#include <atomic>
#include <bit>
#include <cmath>

namespace nepenthe::train {

namespace {

using kernels::store;

constexpr std::int64_t kBlock = 16384;  // elements a task

// The step's constants in the precision of the loop.
struct Factors {
    float gradient_scale, decay, beta1, one_minus_beta1, beta2, one_minus_beta2, inverse_root_correction2, epsilon,
        step_size;
};

Factors factors_of(const AdamWStep& step) {
    const double correction1 = 1.0 - std::pow(step.beta1, static_cast<double>(step.step));
    const double correction2 = 1.0 - std::pow(step.beta2, static_cast<double>(step.step));
    return {static_cast<float>(step.gradient_scale),
            static_cast<float>(step.lr * step.weight_decay),
            static_cast<float>(step.beta1),
            static_cast<float>(1.0 - step.beta1),
            static_cast<float>(step.beta2),
            static_cast<float>(1.0 - step.beta2),
            static_cast<float>(1.0 / std::sqrt(correction2)),
            static_cast<float>(step.epsilon),
            static_cast<float>(step.lr / correction1)};
}

// The new value of one weight; the moments are updated in place.
NEPENTHE_ALWAYS_INLINE float update_one(const Factors& f, float weight, float& first, float& second, float gradient) {
    const float g = gradient * f.gradient_scale;
    const float m = f.beta1 * first + f.one_minus_beta1 * g;
    const float v = f.beta2 * second + f.one_minus_beta2 * (g * g);
    first = m;
    second = v;
    // Decay and step are added up before they meet the weight: 1 - lr·decay would round a decay of 1e-8 away.
    return weight - (weight * f.decay + f.step_size * (m / (std::sqrt(v) * f.inverse_root_correction2 + f.epsilon)));
}

NEPENTHE_ALWAYS_INLINE std::int64_t update_span(Factors f, float* __restrict master, float* __restrict first,
                                                float* __restrict second, const float* __restrict gradient,
                                                std::int64_t n) {
    std::int32_t changed = 0;
    for (std::int64_t i = 0; i < n; ++i) {
        const float before = master[i];
        const float after = update_one(f, before, first[i], second[i], gradient[i]);
        changed += std::bit_cast<std::int32_t>(before) != std::bit_cast<std::int32_t>(after) ? 1 : 0;
        master[i] = after;
    }
    return changed;
}

NEPENTHE_ALWAYS_INLINE std::int64_t update_span(Factors f, float* __restrict master, float* __restrict first,
                                                float* __restrict second, const float* __restrict gradient,
                                                c10::BFloat16* __restrict weight, std::int64_t n) {
    std::int32_t changed = 0;
    for (std::int64_t i = 0; i < n; ++i) {
        const float after = update_one(f, master[i], first[i], second[i], gradient[i]);
        master[i] = after;
        const std::uint16_t before = weight[i].x;
        store(weight + i, after);
        changed += before != weight[i].x ? 1 : 0;
    }
    return changed;
}

std::int64_t update_on_host(const AdamWStep& step, const at::Tensor& master, const at::Tensor& first_moment,
                            const at::Tensor& second_moment, const at::Tensor& gradient, const at::Tensor& weight) {
    const Factors f = factors_of(step);
    float* p = master.mutable_data_ptr<float>();
    float* m = first_moment.mutable_data_ptr<float>();
    float* v = second_moment.mutable_data_ptr<float>();
    const float* g = gradient.const_data_ptr<float>();
    c10::BFloat16* low = weight.scalar_type() == at::kBFloat16 ? weight.mutable_data_ptr<c10::BFloat16>() : nullptr;
    const std::int64_t numel = master.numel(), blocks = (numel + kBlock - 1) / kBlock;
    std::atomic<std::int64_t> changed{0};
    at::parallel_for(0, blocks, 1, [&](std::int64_t first_block, std::int64_t last_block) {
        for (std::int64_t block = first_block; block < last_block; ++block) {
            const std::int64_t at = block * kBlock, n = std::min(kBlock, numel - at);
            changed += kernels::with_instruction_set([=]() NEPENTHE_INLINED {
                return low == nullptr ? update_span(f, p + at, m + at, v + at, g + at, n)
                                      : update_span(f, p + at, m + at, v + at, g + at, low + at, n);
            });
        }
    });
    return changed;
}

}  // namespace

at::Tensor composed_adamw_update(const AdamWStep& step, const at::Tensor& master, const at::Tensor& first_moment,
                                 const at::Tensor& second_moment, const at::Tensor& gradient,
                                 const at::Tensor& weight) {
    const at::Tensor before = weight.clone();
    const at::Tensor scaled = step.gradient_scale == 1.0 ? gradient : gradient * step.gradient_scale;
    // One pass over all of it; a step of single operations takes a third of a training step on a device.
    const at::Tensor number = at::full({}, static_cast<double>(step.step), master.options());
    at::_fused_adamw_({master}, {scaled}, {first_moment}, {second_moment}, {}, {number}, step.lr, step.beta1,
                      step.beta2, step.weight_decay, step.epsilon, /*amsgrad=*/false, /*maximize=*/false);
    if (!weight.is_same(master)) {
        weight.copy_(master);
    }
    return weight.ne(before).sum();
}

at::Tensor adamw_update(const AdamWStep& step, const at::Tensor& master, const at::Tensor& first_moment,
                        const at::Tensor& second_moment, const at::Tensor& gradient, const at::Tensor& weight) {
    const std::int64_t n = master.numel();
    NEPENTHE_CHECK(first_moment.numel() == n && second_moment.numel() == n && gradient.numel() == n &&
                   weight.numel() == n);
    NEPENTHE_CHECK(weight.scalar_type() == at::kBFloat16 || weight.data_ptr() == master.data_ptr());
    if (!master.is_cpu()) return composed_adamw_update(step, master, first_moment, second_moment, gradient, weight);
    return at::scalar_tensor(update_on_host(step, master, first_moment, second_moment, gradient, weight), at::kLong);
}

}  // namespace nepenthe::train
