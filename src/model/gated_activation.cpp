#include "model/gated_activation.h"

#include "base/error.h"
#include "kernels/vector_math.h"
#include "model/kernel_support.h"

#include <ATen/Parallel.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/types.h>

namespace nepenthe::model {

namespace {

using kernels::fast_exp;
using kernels::load;
using kernels::store;
using kernels::with_instruction_set;

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

// Both activations are x · σ(k(x)): SiLU with k = x, and the tanh form of GELU (Hendrycks and Gimpel, 2016) with
// k = 2 √(2/π) (x + 0.044715 x³), because 1 + tanh(k/2) = 2σ(k). Returned: the value and its derivative.
struct ValueAndSlope {
    float value;
    float slope;
};

template <bool kGelu>
NEPENTHE_ALWAYS_INLINE ValueAndSlope evaluate(float x) {
    constexpr float kTwoRootTwoOverPi = 1.59576912160573071f, kCubic = 0.044715f;
    const float square = x * x;
    const float k = kGelu ? kTwoRootTwoOverPi * x * (1.0f + kCubic * square) : x;
    const float k_slope = kGelu ? kTwoRootTwoOverPi * (1.0f + 3.0f * kCubic * square) : 1.0f;
    const float sigmoid = 1.0f / (1.0f + fast_exp(-k));
    return {x * sigmoid, sigmoid + x * k_slope * sigmoid * (1.0f - sigmoid)};
}

template <bool kGelu, typename Value>
NEPENTHE_ALWAYS_INLINE void forward_span(const Value* gate, const Value* up, Value* out, std::int64_t n) {
    for (std::int64_t i = 0; i < n; ++i) {
        store(out + i, evaluate<kGelu>(load(gate + i)).value * load(up + i));
    }
}

template <bool kGelu, typename Value>
NEPENTHE_ALWAYS_INLINE void backward_span(const Value* gradient, const Value* gate, const Value* up, Value* dgate,
                                          Value* dup, std::int64_t n) {
    for (std::int64_t i = 0; i < n; ++i) {
        const float g = load(gradient + i);
        const ValueAndSlope act = evaluate<kGelu>(load(gate + i));
        store(dgate + i, g * load(up + i) * act.slope);
        store(dup + i, g * act.value);
    }
}

template <typename Value>
void forward_part(bool gelu, const Value* gate, const Value* up, Value* out, std::int64_t n) {
    with_instruction_set([=]() NEPENTHE_INLINED {
        gelu ? forward_span<true>(gate, up, out, n) : forward_span<false>(gate, up, out, n);
    });
}
template <typename Value>
void backward_part(bool gelu, const Value* gradient, const Value* gate, const Value* up, Value* dgate, Value* dup,
                   std::int64_t n) {
    with_instruction_set([=]() NEPENTHE_INLINED {
        gelu ? backward_span<true>(gradient, gate, up, dgate, dup, n)
             : backward_span<false>(gradient, gate, up, dgate, dup, n);
    });
}

constexpr std::int64_t kGrain = 16384;  // elements a task: 64 KiB of fp32 an array

template <typename Value>
at::Tensor gate_forward_kernel(const at::Tensor& gate, const at::Tensor& up, bool gelu) {
    at::Tensor out = at::empty_like(gate);
    const Value* g = gate.const_data_ptr<Value>();
    const Value* u = up.const_data_ptr<Value>();
    Value* o = out.template mutable_data_ptr<Value>();
    at::parallel_for(0, gate.numel(), kGrain, [&](std::int64_t begin, std::int64_t end) {
        forward_part(gelu, g + begin, u + begin, o + begin, end - begin);
    });
    return out;
}

template <typename Value>
variable_list gate_backward_kernel(const at::Tensor& gradient, const at::Tensor& gate, const at::Tensor& up,
                                   bool gelu) {
    at::Tensor dgate = at::empty_like(gate), dup = at::empty_like(up);
    const Value* dy = gradient.const_data_ptr<Value>();
    const Value* g = gate.const_data_ptr<Value>();
    const Value* u = up.const_data_ptr<Value>();
    Value* dg = dgate.template mutable_data_ptr<Value>();
    Value* du = dup.template mutable_data_ptr<Value>();
    at::parallel_for(0, gate.numel(), kGrain, [&](std::int64_t begin, std::int64_t end) {
        backward_part(gelu, dy + begin, g + begin, u + begin, dg + begin, du + begin, end - begin);
    });
    return {dgate, dup, at::Tensor()};
}

struct GatedActivation : torch::autograd::Function<GatedActivation> {
    static at::Tensor forward(AutogradContext* ctx, const at::Tensor& gate, const at::Tensor& up, bool gelu) {
        const at::Tensor g = gate.contiguous(), u = up.contiguous();
        ctx->save_for_backward({g, u});
        ctx->saved_data["gelu"] = gelu;
        return g.scalar_type() == at::kFloat ? gate_forward_kernel<float>(g, u, gelu)
                                             : gate_forward_kernel<c10::BFloat16>(g, u, gelu);
    }

    static variable_list backward(AutogradContext* ctx, variable_list gradients) {
        const variable_list saved = ctx->get_saved_variables();
        const at::Tensor gradient = gradients[0].contiguous();
        const bool gelu = ctx->saved_data["gelu"].toBool();
        return gradient.scalar_type() == at::kFloat
                   ? gate_backward_kernel<float>(gradient, saved[0], saved[1], gelu)
                   : gate_backward_kernel<c10::BFloat16>(gradient, saved[0], saved[1], gelu);
    }
};

}  // namespace

at::Tensor activate(const at::Tensor& input, Activation activation) {
    switch (activation) {
        case Activation::kGeluTanh: return at::gelu(input, "tanh");
        case Activation::kGeluErf: return at::gelu(input);
        case Activation::kSilu: return at::silu(input);
        case Activation::kRelu: return at::relu(input);
        case Activation::kReluSquared: return at::relu(input).square();
        case Activation::kXielu: break;
    }
    fail(ErrorKind::kInternal, "this activation has weights of its own");
}

at::Tensor xielu(const at::Tensor& input, const at::Tensor& positive, const at::Tensor& negative) {
    constexpr double kBeta = 0.5, kEpsilon = -1e-6;
    const at::Tensor x = input.to(at::kFloat);
    const at::Tensor rise = at::softplus(positive.to(at::kFloat)), fall = kBeta + at::softplus(negative.to(at::kFloat));
    const at::Tensor below = (at::expm1(x.clamp_max(kEpsilon)) - x) * fall;
    return (at::where(x > 0.0, rise * x * x, below) + kBeta * x).to(input.scalar_type());
}

at::Tensor gated_activation(const at::Tensor& gate, const at::Tensor& up, Activation activation) {
    const bool gelu = activation == Activation::kGeluTanh;
    if (has_fused_kernel(gate) && (gelu || activation == Activation::kSilu)) {
        return GatedActivation::apply(gate, up, gelu);
    }
    return activate(gate, activation) * up;
}

}  // namespace nepenthe::model
