#include "model/linear.h"

#include "model/gemm.h"

#include <torch/csrc/autograd/custom_function.h>
#include <torch/types.h>

namespace nepenthe::model {

namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

at::Tensor as_rows(const at::Tensor& tensor) { return tensor.reshape({-1, tensor.size(-1)}); }

at::Tensor product_forward(const at::Tensor& input, const at::Tensor& weight, const at::Tensor& bias, bool transposed) {
    std::vector<std::int64_t> shape = input.sizes().vec();
    shape.back() = transposed ? weight.size(1) : weight.size(0);
    at::Tensor output = matrix_product(as_rows(input), transposed ? weight : weight.t());
    if (bias.defined()) {
        output.add_(bias);
    }
    return output.view(shape);
}

struct Linear : torch::autograd::Function<Linear> {
    static at::Tensor forward(AutogradContext* ctx, const at::Tensor& input, const at::Tensor& weight,
                              const std::optional<at::Tensor>& bias, bool transposed) {
        ctx->save_for_backward({input, weight});
        ctx->saved_data["transposed"] = transposed;
        ctx->saved_data["biased"] = bias.has_value();
        return product_forward(input, weight, bias.value_or(at::Tensor()), transposed);
    }

    static variable_list backward(AutogradContext* ctx, variable_list gradients) {
        const variable_list saved = ctx->get_saved_variables();
        const at::Tensor& input = saved[0];
        const at::Tensor& weight = saved[1];
        const bool transposed = ctx->saved_data["transposed"].toBool();
        const at::Tensor gradient = as_rows(gradients[0]);
        at::Tensor of_input, of_weight, of_bias;
        if (ctx->needs_input_grad(0)) {
            of_input = matrix_product(gradient, transposed ? weight.t() : weight).view(input.sizes());
        }
        if (ctx->needs_input_grad(1)) {
            const at::Tensor rows = as_rows(input);
            of_weight = transposed ? matrix_product(rows.t(), gradient) : matrix_product(gradient.t(), rows);
        }
        if (ctx->saved_data["biased"].toBool() && ctx->needs_input_grad(2)) {
            of_bias = gradient.sum(0);
        }
        return {of_input, of_weight, of_bias, at::Tensor()};
    }
};

}  // namespace

at::Tensor linear(const at::Tensor& input, const at::Tensor& weight, const at::Tensor& bias, bool transposed) {
    if (!at::GradMode::is_enabled()) {
        return product_forward(input, weight, bias, transposed);
    }
    const std::optional<at::Tensor> optional_bias = bias.defined() ? std::make_optional(bias) : std::nullopt;
    return Linear::apply(input, weight, optional_bias, transposed);
}

}  // namespace nepenthe::model
