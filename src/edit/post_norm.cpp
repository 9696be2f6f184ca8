#include "edit/post_norm.h"

#include "base/error.h"

#include <torch/types.h>

#include <algorithm>
#include <cmath>

namespace nepenthe::edit {

namespace {

// The decoder does not tell its norms' weights; a large constant input makes them visible, epsilon aside.
constexpr double kProbe = 1024.0;

double mean_square(const at::Tensor& values) { return values.square().mean().item<double>(); }

}  // namespace

PostNorm::PostNorm(const model::Decoder& decoder, std::int64_t layer) : epsilon_(decoder.config().norm_epsilon) {
    const model::DecoderConfig& config = decoder.config();
    if (config.norm_place == model::NormPlace::kAfterResidual) {
        fail(ErrorKind::kUsage,
             "in this {} model a norm follows the sum of stream and MLP, values of a block's output cannot be carried "
             "back through it; choose one layer, whose values stand at the MLP's output",
             config.family);
    }
    if (!model::norms_output(config.norm_place)) {
        multiplier_ = config.residual_multiplier;
        return;
    }
    NEPENTHE_CHECK(!model::is_layer_norm(config.norm));
    const at::NoGradGuard no_grad;
    const auto probe = at::full({1, 1, config.hidden}, kProbe, at::device(decoder.device()).dtype(at::kFloat));
    gain_ = decoder.after_mlp(layer, at::zeros_like(probe), probe).flatten().to(at::kCPU, at::kDouble);
}

at::Tensor PostNorm::apply(const at::Tensor& output) const {
    if (!exists()) return multiplier_ == 1.0 ? output : output * multiplier_;
    return gain_ * output / std::sqrt(mean_square(output) + epsilon_);
}

at::Tensor PostNorm::invert(const at::Tensor& wanted, const at::Tensor& now) const {
    if (!exists()) return multiplier_ == 1.0 ? wanted : wanted / multiplier_;
    // Stationary points are u = g ∘ wanted / (g² + shift); rms(u) falls as shift grows from −min(g²), so bisect on it.
    const at::Tensor square = gain_.square(), pulled = gain_ * wanted;
    const auto direction = [&](double shift) { return pulled / (square + shift); };
    const double smallest = square.min().item<double>();
    const double scale = std::max(std::sqrt(mean_square(pulled)), square.max().item<double>());
    double low = -smallest * (1 - 1e-12), high = scale;
    while (mean_square(direction(high)) > 1) high *= 2;
    for (int step = 0; step < 200 && high - low > 1e-15 * scale; ++step) {
        const double middle = 0.5 * (low + high);
        (mean_square(direction(middle)) > 1 ? low : high) = middle;
    }
    const at::Tensor u = direction(high);
    return u * std::sqrt(mean_square(now) / mean_square(u));
}

}  // namespace nepenthe::edit
