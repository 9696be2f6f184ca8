#include "train/gradient_fold.h"

#include "base/error.h"
#include "base/tree_sum.h"
#include "kernels/vector_math.h"

#include <ATen/Parallel.h>
#include <torch/types.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>

namespace nepenthe::train {

namespace {

using kernels::kLanes;
using kernels::load;

constexpr std::int64_t kFoldGrain = 32768;  // elements a task

NEPENTHE_ALWAYS_INLINE std::uint32_t not_finite(float value) {
    constexpr std::uint32_t kExponent = 0x7f800000u;
    return (std::bit_cast<std::uint32_t>(value) & kExponent) == kExponent ? 1u : 0u;
}

template <bool first, typename Value>
NEPENTHE_ALWAYS_INLINE bool fold_span(float* __restrict into, const Value* __restrict from, std::int64_t n) {
    std::uint32_t bad = 0;
    for (std::int64_t i = 0; i < n; ++i) {
        const float value = load(from + i);
        bad |= not_finite(value);
        into[i] = first ? value : into[i] + value;
    }
    return bad == 0;
}

template <typename Value>
bool fold_part(float* into, const Value* from, std::int64_t n, bool first) {
    return kernels::with_instruction_set(
        [=]() NEPENTHE_INLINED { return first ? fold_span<true>(into, from, n) : fold_span<false>(into, from, n); });
}

template <typename Value>
bool fold_on_host(const at::Tensor& into, const at::Tensor& gradient, bool first) {
    float* to = into.mutable_data_ptr<float>();
    const Value* from = gradient.const_data_ptr<Value>();
    std::atomic<bool> finite{true};
    at::parallel_for(0, into.numel(), kFoldGrain, [&](std::int64_t begin, std::int64_t end) {
        if (!fold_part(to + begin, from + begin, end - begin, first)) {
            finite = false;
        }
    });
    return finite;
}

NEPENTHE_ALWAYS_INLINE double squares_of(const float* values, std::int64_t n) {
    std::array<double, kLanes> lanes{};
    std::int64_t i = 0;
    for (; i + kLanes <= n; i += kLanes) {
        for (std::int64_t lane = 0; lane < kLanes; ++lane) {
            const double value = static_cast<double>(values[i + lane]);
            lanes[static_cast<std::size_t>(lane)] += value * value;
        }
    }
    for (std::int64_t lane = 0; i + lane < n; ++lane) {
        const double value = static_cast<double>(values[i + lane]);
        lanes[static_cast<std::size_t>(lane)] += value * value;
    }
    return tree_sum(lanes);
}

}  // namespace

bool fold_gradient(const at::Tensor& into, const at::Tensor& gradient, bool first) {
    NEPENTHE_CHECK(into.is_contiguous() && into.scalar_type() == at::kFloat && into.numel() == gradient.numel());
    if (!into.is_cpu()) return composed_fold_gradient(into, gradient, first);
    const at::Tensor flat = gradient.contiguous();
    return flat.scalar_type() == at::kFloat ? fold_on_host<float>(into, flat, first)
                                            : fold_on_host<c10::BFloat16>(into, flat.to(at::kBFloat16), first);
}

double sum_of_squares(const at::Tensor& values) {
    if (!values.is_cpu()) return composed_sum_of_squares(values);
    const float* data = values.const_data_ptr<float>();
    const std::int64_t n = values.numel(), blocks = (n + kFoldGrain - 1) / kFoldGrain;
    std::vector<double> parts(static_cast<std::size_t>(blocks));
    at::parallel_for(0, blocks, 1, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t block = begin; block < end; ++block) {
            const std::int64_t at = block * kFoldGrain;
            const std::int64_t count = std::min(kFoldGrain, n - at);
            parts[static_cast<std::size_t>(block)] =
                kernels::with_instruction_set([=]() NEPENTHE_INLINED { return squares_of(data + at, count); });
        }
    });
    return tree_sum(parts);
}

bool composed_fold_gradient(const at::Tensor& into, const at::Tensor& gradient, bool first) {
    const at::Tensor place = into.view(gradient.sizes());
    first ? place.copy_(gradient) : place.add_(gradient);
    return true;
}

double composed_sum_of_squares(const at::Tensor& values) {
    // Rows in fp32 and their sum in fp64: a copy of everything in fp64 would be twice as large as the gradients.
    constexpr std::int64_t kRow = 4096;
    const at::Tensor flat = values.flatten();
    const std::int64_t whole = flat.numel() / kRow * kRow;
    const auto squares = [](const at::Tensor& rows) {
        return at::linalg_vector_norm(rows, 2, at::IntArrayRef{1}).to(at::kDouble).square().sum();
    };
    at::Tensor sum = squares(flat.narrow(0, 0, whole).view({-1, kRow}));
    if (whole < flat.numel()) sum = sum + squares(flat.narrow(0, whole, flat.numel() - whole).unsqueeze(0));
    return sum.item<double>();
}

}  // namespace nepenthe::train
