// The fused kernels against the same formulas composed of ATen's operations, values and gradients.
#include "model/attention.h"
#include "model/gated_activation.h"
#include "model/gemm.h"
#include "model/linear.h"
#include "model/rms_norm.h"
#include "model/rotary.h"

#include <gtest/gtest.h>

#include <ATen/Parallel.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/types.h>

#include <cmath>
#include <functional>

namespace nepenthe::model {
namespace {

using Function = std::function<at::Tensor(const std::vector<at::Tensor>&)>;

at::Tensor noise(at::IntArrayRef shape) { return at::randn(shape, at::make_generator<at::CPUGeneratorImpl>(3)); }

double error(const at::Tensor& actual, const at::Tensor& expected) {
    return ((actual - expected).abs().max() / expected.abs().max().clamp_min(1e-6)).item<double>();
}

// Value and gradients of `fused` in the given dtype against `reference` in fp64.
void compare(const Function& fused, const Function& reference, const std::vector<at::Tensor>& inputs,
             at::ScalarType dtype, double tolerance) {
    std::vector<at::Tensor> low, exact;
    for (const at::Tensor& input : inputs) {
        low.push_back(input.to(dtype).detach().requires_grad_(true));
        exact.push_back(low.back().detach().to(at::kDouble).requires_grad_(true));
    }
    const at::Tensor actual = fused(low), expected = reference(exact);
    EXPECT_LT(error(actual.to(at::kDouble), expected), tolerance);
    const at::Tensor direction = noise(expected.sizes());
    const auto actual_gradients = torch::autograd::grad({actual}, low, {direction.to(dtype)});
    const auto expected_gradients = torch::autograd::grad({expected}, exact, {direction.to(dtype).to(at::kDouble)});
    for (std::size_t i = 0; i < inputs.size(); ++i) {
        EXPECT_LT(error(actual_gradients[i].to(at::kDouble), expected_gradients[i]), tolerance) << "input " << i;
    }
}

void compare_all(const Function& fused, const Function& reference, const std::vector<at::Tensor>& inputs) {
    compare(fused, reference, inputs, at::kFloat, 2e-5);
    compare(fused, reference, inputs, at::kBFloat16, 4e-2);
    // fp64 has no fused kernel: this is the path of other devices.
    compare(fused, reference, inputs, at::kDouble, 2e-5);
}

TEST(RmsNorm, EqualsItsFormula) {
    for (const bool one_plus : {false, true}) {
        for (const bool with_residual : {false, true}) {
            const auto fused = [&](const auto& in) {
                return rms_norm(in[0], in[1], 1e-6, one_plus, with_residual ? in[2] : at::Tensor());
            };
            const auto reference = [&](const auto& in) {
                const at::Tensor normed = in[0] * at::rsqrt(in[0].square().mean(-1, true) + 1e-6);
                const at::Tensor y = normed * (one_plus ? in[1] + 1.0 : in[1]);
                return with_residual ? in[2] + y : y;
            };
            std::vector<at::Tensor> inputs{noise({3, 5, 75}), noise({75})};
            if (with_residual) {
                inputs.push_back(noise({3, 5, 75}));
            }
            compare_all(fused, reference, inputs);
        }
    }
}

TEST(GatedActivation, EqualsItsFormula) {
    for (const Activation activation :
         {Activation::kSilu, Activation::kGeluTanh, Activation::kGeluErf, Activation::kRelu}) {
        const auto fused = [&](const auto& in) { return gated_activation(in[0], in[1], activation); };
        const auto reference = [&](const auto& in) { return activate(in[0], activation) * in[1]; };
        compare_all(fused, reference, {3.0 * noise({4, 7, 33}), noise({4, 7, 33})});
    }
}

TEST(GatedActivation, SaturatesWithoutNaN) {
    const at::Tensor gate = at::tensor({-1e4f, -90.0f, 0.0f, 90.0f, 1e4f}), up = at::ones({5});
    for (const Activation activation : {Activation::kSilu, Activation::kGeluTanh}) {
        EXPECT_TRUE(at::allclose(gated_activation(gate, up, activation), activate(gate, activation), 1e-6, 1e-30));
    }
}

at::Tensor rotate_reference(const at::Tensor& x, const RotaryTable& table, bool interleaved) {
    const std::int64_t pairs = table.cosines.size(2);
    const at::Tensor c = table.cosines.to(x.scalar_type()).unsqueeze(2),
                     s = table.sines.to(x.scalar_type()).unsqueeze(2);
    const at::Tensor turned = x.narrow(3, 0, 2 * pairs), rest = x.narrow(3, 2 * pairs, x.size(3) - 2 * pairs);
    if (interleaved) {
        const at::Tensor even = turned.slice(3, 0, 2 * pairs, 2), odd = turned.slice(3, 1, 2 * pairs, 2);
        return at::cat({at::stack({even * c - odd * s, odd * c + even * s}, 4).flatten(3), rest}, 3);
    }
    const at::Tensor low = turned.narrow(3, 0, pairs), high = turned.narrow(3, pairs, pairs);
    return at::cat({low * c - high * s, high * c + low * s, rest}, 3);
}

TEST(NormAndRotate, EqualsItsFormula) {
    Rotary rotary;
    rotary.dims = 6;
    const at::Tensor positions = at::arange(10, at::kLong).reshape({2, 5});
    const RotaryTable table = rotary_table(rotary, rotary_frequencies(rotary), positions);
    for (const bool interleaved : {false, true}) {
        const auto pairing = interleaved ? Rotary::Pairing::kInterleaved : Rotary::Pairing::kHalves;
        const auto plain = [&](const auto& in) { return norm_and_rotate(in[0], {}, table, pairing); };
        const auto plain_reference = [&](const auto& in) { return rotate_reference(in[0], table, interleaved); };
        compare_all(plain, plain_reference, {noise({2, 5, 3, 10})});
        const auto normed = [&](const auto& in) { return norm_and_rotate(in[0], {in[1], 1e-6, true}, table, pairing); };
        const auto normed_reference = [&](const auto& in) {
            const at::Tensor y = in[0] * at::rsqrt(in[0].square().mean(-1, true) + 1e-6) * (in[1] + 1.0);
            return rotate_reference(y, table, interleaved);
        };
        compare_all(normed, normed_reference, {noise({2, 5, 3, 10}), noise({10})});
        // A slice of a fused projection.
        const auto sliced = [&](const auto& in) {
            return norm_and_rotate(in[0].narrow(3, 10, 10), {}, table, pairing);
        };
        const auto sliced_reference = [&](const auto& in) {
            return rotate_reference(in[0].narrow(3, 10, 10), table, interleaved);
        };
        compare_all(sliced, sliced_reference, {noise({2, 5, 3, 30})});
    }
}

at::Tensor attention_reference(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                               const AttentionOptions& options) {
    const std::int64_t group = q.size(1) / k.size(1);
    at::Tensor scores = at::matmul(q, k.repeat_interleave(group, 1).transpose(2, 3)) * options.scale;
    if (options.soft_cap > 0) {
        scores = at::tanh(scores / options.soft_cap) * options.soft_cap;
    }
    if (options.key_bias.defined()) scores = scores + options.key_bias.to(scores.scalar_type()).unsqueeze(2);
    at::Tensor hidden = at::zeros({q.size(0), 1, q.size(2), k.size(2)}, at::kBool);
    for (std::int64_t b = 0; b < q.size(0); ++b) {
        for (std::int64_t i = 0; i < q.size(2); ++i) {
            for (std::int64_t j = 0; j < k.size(2); ++j) {
                const std::int64_t at_key = options.past + i;
                const bool real = !options.key_mask.defined() || options.key_mask[b][j].item<bool>();
                const bool visible =
                    j == at_key || (j < at_key && real && (options.window == 0 || j > at_key - options.window));
                hidden[b][0][i][j] = !visible;
            }
        }
    }
    const at::Tensor p = at::softmax(scores.masked_fill(hidden, -std::numeric_limits<double>::infinity()), -1);
    return at::matmul(p, v.repeat_interleave(group, 1)).transpose(1, 2).flatten(2);
}

void compare_attention(const AttentionOptions& options, std::int64_t positions) {
    const std::int64_t keys = options.past + positions;
    const auto fused = [&](const auto& in) {
        return attention(in[0].transpose(1, 2), in[1].transpose(1, 2), in[2].transpose(1, 2), options);
    };
    const auto reference = [&](const auto& in) {
        return attention_reference(in[0].transpose(1, 2), in[1].transpose(1, 2), in[2].transpose(1, 2), options);
    };
    compare_all(fused, reference, {noise({2, positions, 4, 8}), noise({2, keys, 2, 8}), noise({2, keys, 2, 8})});
}

TEST(Attention, EqualsItsFormula) {
    AttentionOptions options;
    options.scale = 0.4;
    for (const std::int64_t positions : {1, 7, 128, 150}) {
        for (const std::int64_t window : {0, 3, 140}) {
            options.window = window;
            compare_attention(options, positions);
        }
    }
    options.past = 9;
    compare_attention(options, 5);
    options.soft_cap = 1.5;
    compare_attention(options, 20);
    options.key_mask = at::ones({2, 29}, at::kBool);
    options.key_mask[0].narrow(0, 0, 4).fill_(false);
    options.window = 5;
    compare_attention(options, 20);
}

// ALiBi: a bias for each head and key, one row for all sequences or one for each.
TEST(Attention, EqualsItsFormulaWithBiasedKeys) {
    for (const std::int64_t rows : {1, 2}) {
        for (const std::int64_t positions : {5, 20, 150}) {
            AttentionOptions options;
            options.scale = 0.4;
            options.past = 9;
            options.key_bias = noise({rows, 4, positions + 9});
            compare_attention(options, positions);
            options.window = 6;
            options.key_mask = at::ones({2, positions + 9}, at::kBool);
            options.key_mask[0].narrow(0, 0, 4).fill_(false);
            compare_attention(options, positions);
        }
    }
}

TEST(Activation, XieluEqualsItsFormula) {
    const auto ours = [](const auto& in) { return xielu(in[0], in[1], in[2]); };
    const auto formula = [](const auto& in) {
        const at::Tensor x = in[0], rise = at::softplus(in[1]), fall = 0.5 + at::softplus(in[2]);
        return at::where(x > 0.0, rise * x * x, fall * (at::expm1(x.clamp_max(0.0)) - x)) + 0.5 * x;
    };
    compare_all(ours, formula, {noise({3, 40}), noise({1}), noise({1})});
}

TEST(Linear, EqualsItsFormulaInBothLayouts) {
    const auto fused = [](const auto& in) { return linear(in[0], in[1], in[2]); };
    const auto reference = [](const auto& in) { return at::matmul(in[0], in[1].t()) + in[2]; };
    compare_all(fused, reference, {noise({2, 9, 20}), noise({13, 20}), noise({13})});
    const auto conv = [](const auto& in) { return linear(in[0], in[1], at::Tensor(), true); };
    const auto conv_reference = [](const auto& in) { return at::matmul(in[0], in[1]); };
    compare_all(conv, conv_reference, {noise({2, 9, 20}), noise({20, 13})});
}

TEST(Gemm, TakesAnyStrides) {
    const at::Tensor wide = noise({40, 60}), other = noise({60, 50});
    for (const at::Tensor& a :
         {wide, wide.narrow(1, 3, 20), noise({20, 40}).t(), wide.slice(0, 0, 40, 2), wide.narrow(0, 0, 1)}) {
        for (const at::Tensor& full : {other, noise({50, 60}).t(), noise({60, 90}).narrow(1, 7, 50)}) {
            const at::Tensor b = full.narrow(0, 0, a.size(1));
            const at::Tensor c = noise({a.size(0), b.size(1)});
            EXPECT_LT(error(matrix_product(a, b), at::matmul(a.to(at::kDouble), b.to(at::kDouble))), 1e-5);
            EXPECT_LT(error(matrix_product_plus(a, b, c), at::matmul(a.to(at::kDouble), b.to(at::kDouble)) + c), 1e-5);
        }
    }
}

TEST(Kernels, GiveTheSameBitsOnOneAndTwoThreads) {
    const int threads = at::get_num_threads();
    std::vector<std::vector<at::Tensor>> runs;
    for (const int count : {1, 2}) {
        at::set_num_threads(count);
        const at::Tensor x = noise({4, 64, 96}).requires_grad_(true), w = noise({96}).requires_grad_(true);
        const at::Tensor normed = rms_norm(x, w, 1e-6, false);
        const at::Tensor heads = normed.unflatten(2, {4, 24}).transpose(1, 2);
        const at::Tensor out = gated_activation(attention(heads, heads, heads, {}), normed, Activation::kSilu);
        const auto gradients = torch::autograd::grad({out.square().sum()}, {x, w});
        runs.push_back({out.detach(), gradients[0], gradients[1]});
    }
    at::set_num_threads(threads);
    for (std::size_t i = 0; i < runs[0].size(); ++i) {
        EXPECT_TRUE(at::equal(runs[0][i], runs[1][i])) << i;
    }
}

}  // namespace
}  // namespace nepenthe::model
