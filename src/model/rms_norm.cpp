#include "model/rms_norm.h"

#include "kernels/vector_math.h"
#include "model/kernel_support.h"
#include "model/rms_norm_kernel.h"

#include <ATen/Parallel.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/types.h>

#include <algorithm>

namespace nepenthe::model {

namespace {

using kernels::load;
using kernels::store;
using kernels::with_instruction_set;

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

template <typename Value>
NEPENTHE_ALWAYS_INLINE void rms_forward_rows(const Value* x, const float* weight, const Value* residual, Value* y,
                                             float* inverse, std::int64_t rows, std::int64_t n, float epsilon) {
    for (std::int64_t row = 0; row < rows; ++row, x += n, y += n) {
        const float scale = inverse_rms(x, n, epsilon);
        inverse[row] = scale;
        if (residual == nullptr) {
            for (std::int64_t i = 0; i < n; ++i) {
                store(y + i, load(x + i) * scale * weight[i]);
            }
        } else {
            const Value* r = residual + row * n;
            for (std::int64_t i = 0; i < n; ++i) {
                store(y + i, load(r + i) + load(x + i) * scale * weight[i]);
            }
        }
    }
}

template <typename Value>
NEPENTHE_ALWAYS_INLINE void rms_backward_rows(const Value* dy, const Value* x, const float* weight,
                                              const float* inverse, Value* dx, float* dweight, std::int64_t rows,
                                              std::int64_t n) {
    for (std::int64_t row = 0; row < rows; ++row) {
        const Value* g = dy + row * n;
        const auto gradient = [&](std::int64_t i) NEPENTHE_INLINED { return load(g + i); };
        rms_row_backward(x + row * n, weight, inverse[row], n, gradient, dx + row * n, dweight);
    }
}

template <typename Value>
void forward_block(const Value* x, const float* weight, const Value* residual, Value* y, float* inverse,
                   std::int64_t rows, std::int64_t n, float epsilon) {
    with_instruction_set([=]()
                             NEPENTHE_INLINED { rms_forward_rows(x, weight, residual, y, inverse, rows, n, epsilon); });
}
template <typename Value>
void backward_block(const Value* dy, const Value* x, const float* weight, const float* inverse, Value* dx,
                    float* dweight, std::int64_t rows, std::int64_t n) {
    with_instruction_set([=]() NEPENTHE_INLINED { rms_backward_rows(dy, x, weight, inverse, dx, dweight, rows, n); });
}

struct Normed {
    at::Tensor output;
    at::Tensor inverse;  // [rows] fp32
};

template <typename Value>
Normed rms_forward_kernel(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& residual, double epsilon) {
    const std::int64_t n = x.size(-1), rows = x.numel() / n;
    Normed result{at::empty_like(x), at::empty({rows}, x.options().dtype(at::kFloat))};
    const Value* input = x.const_data_ptr<Value>();
    const Value* added = residual.defined() ? residual.const_data_ptr<Value>() : nullptr;
    Value* output = result.output.template mutable_data_ptr<Value>();
    float* inverse = result.inverse.template mutable_data_ptr<float>();
    const float* scale = weight.const_data_ptr<float>();
    at::parallel_for(0, rows, rows_per_block(rows), [&](std::int64_t begin, std::int64_t end) {
        forward_block(input + begin * n, scale, added == nullptr ? nullptr : added + begin * n, output + begin * n,
                      inverse + begin, end - begin, n, static_cast<float>(epsilon));
    });
    return result;
}

template <typename Value>
at::Tensor rms_backward_kernel(const at::Tensor& dy, const at::Tensor& x, const at::Tensor& weight,
                               const at::Tensor& inverse, at::Tensor& partial) {
    const std::int64_t n = x.size(-1), rows = x.numel() / n, step = rows_per_block(rows);
    const std::int64_t blocks = (rows + step - 1) / step;
    at::Tensor dx = at::empty_like(x);
    partial = at::zeros({blocks, n}, weight.options());
    const Value* g = dy.const_data_ptr<Value>();
    const Value* input = x.const_data_ptr<Value>();
    Value* out = dx.template mutable_data_ptr<Value>();
    float* sums = partial.mutable_data_ptr<float>();
    const float* scale = weight.const_data_ptr<float>();
    const float* inverses = inverse.const_data_ptr<float>();
    at::parallel_for(0, blocks, 1, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t block = begin; block < end; ++block) {
            const std::int64_t first = block * step, count = std::min(step, rows - first);
            backward_block(g + first * n, input + first * n, scale, inverses + first, out + first * n, sums + block * n,
                           count, n);
        }
    });
    return dx;
}

struct RmsNorm : torch::autograd::Function<RmsNorm> {
    static at::Tensor forward(AutogradContext* ctx, const at::Tensor& input, const at::Tensor& weight,
                              const std::optional<at::Tensor>& residual, double epsilon, bool one_plus) {
        const at::Tensor x = input.contiguous();
        const at::Tensor exact = norm_weight(weight, one_plus);
        const at::Tensor added = residual.has_value() ? residual->contiguous() : at::Tensor();
        const Normed result = x.scalar_type() == at::kFloat
                                  ? rms_forward_kernel<float>(x, exact, added, epsilon)
                                  : rms_forward_kernel<c10::BFloat16>(x, exact, added, epsilon);
        ctx->save_for_backward({x, weight, result.inverse});
        ctx->saved_data["one_plus"] = one_plus;
        ctx->saved_data["residual"] = residual.has_value();
        return result.output;
    }

    static variable_list backward(AutogradContext* ctx, variable_list gradients) {
        const variable_list saved = ctx->get_saved_variables();
        const at::Tensor dy = gradients[0].contiguous();
        const at::Tensor exact = norm_weight(saved[1], ctx->saved_data["one_plus"].toBool());
        at::Tensor partial;
        const at::Tensor dx = dy.scalar_type() == at::kFloat
                                  ? rms_backward_kernel<float>(dy, saved[0], exact, saved[2], partial)
                                  : rms_backward_kernel<c10::BFloat16>(dy, saved[0], exact, saved[2], partial);
        const at::Tensor dweight = ctx->needs_input_grad(1) ? sum_blocks(partial, saved[1]) : at::Tensor();
        const at::Tensor dresidual = ctx->saved_data["residual"].toBool() ? gradients[0] : at::Tensor();
        return {dx, dweight, dresidual, at::Tensor(), at::Tensor()};
    }
};

// For devices: ATen has one kernel for all of it, which wants the weight in the input's type and rounds its output
// once.
at::Tensor composed_rms_norm(const at::Tensor& input, const at::Tensor& weight, double epsilon, bool one_plus,
                             const at::Tensor& residual) {
    // What is added, to the weight or to the output, is added in fp32.
    const bool low = input.scalar_type() == at::kBFloat16 && (one_plus || residual.defined());
    const at::Tensor x = low ? input.to(at::kFloat) : input, stored = weight.to(x.scalar_type());
    const at::Tensor y = std::get<0>(at::_fused_rms_norm(x, weight.sizes(), one_plus ? stored + 1.0 : stored, epsilon));
    return (residual.defined() ? residual + y : y).to(input.scalar_type());
}

}  // namespace

at::Tensor rms_norm(const at::Tensor& input, const at::Tensor& weight, double epsilon, bool one_plus,
                    const at::Tensor& residual) {
    if (!has_fused_kernel(input)) {
        return composed_rms_norm(input, weight, epsilon, one_plus, residual);
    }
    const std::optional<at::Tensor> added = residual.defined() ? std::make_optional(residual) : std::nullopt;
    return RmsNorm::apply(input, weight, added, epsilon, one_plus);
}

}  // namespace nepenthe::model
