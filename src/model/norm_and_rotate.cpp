// The CPU kernel behind norm_and_rotate(): one pass over queries or keys instead of nine.
#include "kernels/vector_math.h"
#include "model/kernel_support.h"
#include "model/rms_norm.h"
#include "model/rms_norm_kernel.h"
#include "model/rotary.h"

#include <ATen/Parallel.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/types.h>

#include <algorithm>
#include <vector>

namespace nepenthe::model {

namespace {

using kernels::load;
using kernels::store;
using kernels::with_instruction_set;

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

// One position: all its heads turn by the same angles.
struct Angles {
    const float* cosines;
    const float* sines;
    std::int64_t pairs;
    bool interleaved;
};

// Turns the pairs of `row` by the angles, backwards with direction −1.
NEPENTHE_ALWAYS_INLINE void rotate_row(float* row, const Angles& angles, float direction) {
    if (angles.interleaved) {
        for (std::int64_t i = 0; i < angles.pairs; ++i) {
            const float first = row[2 * i], second = row[2 * i + 1];
            const float c = angles.cosines[i], s = direction * angles.sines[i];
            row[2 * i] = first * c - second * s;
            row[2 * i + 1] = second * c + first * s;
        }
        return;
    }
    float* low = row;
    float* high = row + angles.pairs;
    for (std::int64_t i = 0; i < angles.pairs; ++i) {
        const float first = low[i], second = high[i];
        const float c = angles.cosines[i], s = direction * angles.sines[i];
        low[i] = first * c - second * s;
        high[i] = second * c + first * s;
    }
}

// `scratch` holds one row in fp32. `inverse` receives 1/rms a head; weight == nullptr: no norm.
template <typename Value>
NEPENTHE_ALWAYS_INLINE void forward_heads(const Value* x, std::int64_t head_stride, const float* weight, float epsilon,
                                          const Angles& angles, Value* y, float* inverse, std::int64_t heads,
                                          std::int64_t n, float* scratch) {
    for (std::int64_t head = 0; head < heads; ++head, x += head_stride, y += n) {
        if (weight != nullptr) {
            const float scale = inverse_rms(x, n, epsilon);
            inverse[head] = scale;
            for (std::int64_t i = 0; i < n; ++i) {
                scratch[i] = load(x + i) * scale * weight[i];
            }
        } else {
            for (std::int64_t i = 0; i < n; ++i) {
                scratch[i] = load(x + i);
            }
        }
        rotate_row(scratch, angles, 1.0f);
        for (std::int64_t i = 0; i < n; ++i) {
            store(y + i, scratch[i]);
        }
    }
}

template <typename Value>
NEPENTHE_ALWAYS_INLINE void backward_heads(const Value* dy, std::int64_t dy_stride, const Value* x,
                                           std::int64_t head_stride, const float* weight, const Angles& angles,
                                           const float* inverse, Value* dx, float* dweight, std::int64_t heads,
                                           std::int64_t n, float* scratch) {
    for (std::int64_t head = 0; head < heads; ++head, dy += dy_stride, x += head_stride, dx += n) {
        for (std::int64_t i = 0; i < n; ++i) {
            scratch[i] = load(dy + i);
        }
        rotate_row(scratch, angles, -1.0f);
        if (weight != nullptr) {
            const auto gradient = [&](std::int64_t i) NEPENTHE_INLINED { return scratch[i]; };
            rms_row_backward(x, weight, inverse[head], n, gradient, dx, dweight);
        } else {
            for (std::int64_t i = 0; i < n; ++i) {
                store(dx + i, scratch[i]);
            }
        }
    }
}

template <typename Value>
void forward_position(const Value* x, std::int64_t head_stride, const float* weight, float epsilon,
                      const Angles& angles, Value* y, float* inverse, std::int64_t heads, std::int64_t n,
                      float* scratch) {
    with_instruction_set([=]() NEPENTHE_INLINED {
        forward_heads(x, head_stride, weight, epsilon, angles, y, inverse, heads, n, scratch);
    });
}
template <typename Value>
void backward_position(const Value* dy, std::int64_t dy_stride, const Value* x, std::int64_t head_stride,
                       const float* weight, const Angles& angles, const float* inverse, Value* dx, float* dweight,
                       std::int64_t heads, std::int64_t n, float* scratch) {
    with_instruction_set([=]() NEPENTHE_INLINED {
        backward_heads(dy, dy_stride, x, head_stride, weight, angles, inverse, dx, dweight, heads, n, scratch);
    });
}

// Strides and tables of one call; a "row" is a (batch, position) pair.
struct Geometry {
    std::int64_t batch, positions, heads, n, pairs, tables;
    bool interleaved;
    const float* cosines;
    const float* sines;

    Geometry(const at::Tensor& x, const at::Tensor& cos, const at::Tensor& sin, bool interleaved_pairs)
        : batch(x.size(0)),
          positions(x.size(1)),
          heads(x.size(2)),
          n(x.size(3)),
          pairs(cos.size(2)),
          tables(cos.size(0)),
          interleaved(interleaved_pairs),
          cosines(cos.const_data_ptr<float>()),
          sines(sin.const_data_ptr<float>()) {}

    std::int64_t rows() const { return batch * positions; }
    Angles angles(std::int64_t row) const {
        const std::int64_t table = (tables == 1 ? row % positions : row) * pairs;
        return {cosines + table, sines + table, pairs, interleaved};
    }
    std::int64_t offset(const at::Tensor& tensor, std::int64_t row) const {
        return (row / positions) * tensor.stride(0) + (row % positions) * tensor.stride(1);
    }
};

template <typename Value>
void rotate_forward_kernel(const at::Tensor& x, const at::Tensor& weight, float epsilon, const Geometry& g,
                           at::Tensor& y, at::Tensor& inverse) {
    const Value* input = x.const_data_ptr<Value>();
    const float* scale = weight.defined() ? weight.const_data_ptr<float>() : nullptr;
    Value* output = y.mutable_data_ptr<Value>();
    float* inverses = inverse.mutable_data_ptr<float>();
    at::parallel_for(0, g.rows(), 16, [&](std::int64_t begin, std::int64_t end) {
        std::vector<float> scratch(static_cast<std::size_t>(g.n));
        for (std::int64_t row = begin; row < end; ++row) {
            forward_position(input + g.offset(x, row), x.stride(2), scale, epsilon, g.angles(row),
                             output + row * g.heads * g.n, inverses + row * g.heads, g.heads, g.n, scratch.data());
        }
    });
}

template <typename Value>
void rotate_backward_kernel(const at::Tensor& dy, const at::Tensor& x, const at::Tensor& weight,
                            const at::Tensor& inverse, const Geometry& g, at::Tensor& dx, at::Tensor& partial) {
    const std::int64_t step = rows_per_block(g.rows()), blocks = (g.rows() + step - 1) / step;
    const float* scale = weight.defined() ? weight.const_data_ptr<float>() : nullptr;
    if (scale != nullptr) {
        partial = at::zeros({blocks, g.n}, weight.options());
    }
    const Value* gradient = dy.const_data_ptr<Value>();
    const Value* input = x.const_data_ptr<Value>();
    const float* inverses = inverse.const_data_ptr<float>();
    Value* output = dx.mutable_data_ptr<Value>();
    float* sums = scale != nullptr ? partial.mutable_data_ptr<float>() : nullptr;
    at::parallel_for(0, blocks, 1, [&](std::int64_t begin, std::int64_t end) {
        std::vector<float> scratch(static_cast<std::size_t>(g.n));
        for (std::int64_t block = begin; block < end; ++block) {
            for (std::int64_t row = block * step; row < std::min((block + 1) * step, g.rows()); ++row) {
                backward_position(gradient + g.offset(dy, row), dy.stride(2), input + g.offset(x, row), x.stride(2),
                                  scale, g.angles(row), inverses + row * g.heads, output + row * g.heads * g.n,
                                  sums == nullptr ? nullptr : sums + block * g.n, g.heads, g.n, scratch.data());
            }
        }
    });
}

struct NormAndRotate : torch::autograd::Function<NormAndRotate> {
    static at::Tensor forward(AutogradContext* ctx, const at::Tensor& x, const std::optional<at::Tensor>& weight,
                              const at::Tensor& cosines, const at::Tensor& sines, double epsilon, bool one_plus,
                              bool interleaved) {
        const Geometry g(x, cosines, sines, interleaved);
        at::Tensor y = at::empty({g.batch, g.positions, g.heads, g.n}, x.options());
        at::Tensor inverse = at::empty({weight.has_value() ? g.rows() * g.heads : 0}, x.options().dtype(at::kFloat));
        const at::Tensor exact = weight.has_value() ? norm_weight(*weight, one_plus) : at::Tensor();
        x.scalar_type() == at::kFloat
            ? rotate_forward_kernel<float>(x, exact, static_cast<float>(epsilon), g, y, inverse)
            : rotate_forward_kernel<c10::BFloat16>(x, exact, static_cast<float>(epsilon), g, y, inverse);
        // Without a norm the input is not needed again, but its strides are.
        ctx->save_for_backward({x, weight.value_or(at::Tensor()), cosines, sines, inverse});
        ctx->saved_data["one_plus"] = one_plus;
        ctx->saved_data["interleaved"] = interleaved;
        return y;
    }

    static variable_list backward(AutogradContext* ctx, variable_list gradients) {
        const variable_list saved = ctx->get_saved_variables();
        const at::Tensor& x = saved[0];
        const at::Tensor dy = gradients[0].stride(3) == 1 ? gradients[0] : gradients[0].contiguous();
        const Geometry g(x, saved[2], saved[3], ctx->saved_data["interleaved"].toBool());
        at::Tensor dx = at::empty({g.batch, g.positions, g.heads, g.n}, x.options());
        const at::Tensor exact =
            saved[1].defined() ? norm_weight(saved[1], ctx->saved_data["one_plus"].toBool()) : at::Tensor();
        at::Tensor partial;
        x.scalar_type() == at::kFloat ? rotate_backward_kernel<float>(dy, x, exact, saved[4], g, dx, partial)
                                      : rotate_backward_kernel<c10::BFloat16>(dy, x, exact, saved[4], g, dx, partial);
        at::Tensor dweight;
        if (saved[1].defined() && ctx->needs_input_grad(1)) {
            dweight = sum_blocks(partial, saved[1]);
        }
        return {dx, dweight, at::Tensor(), at::Tensor(), at::Tensor(), at::Tensor(), at::Tensor()};
    }
};

// For devices. x [batch, position, head, n] turned by the angles, or back by them, in fp32 (fp64 where x is).
at::Tensor turned(const at::Tensor& x, const at::Tensor& cosines, const at::Tensor& sines, bool interleaved,
                  double way) {
    const std::int64_t pairs = cosines.size(2), n = x.size(3);
    const auto half = [&](const at::Tensor& of, std::int64_t which) {
        return interleaved ? of.slice(3, which, 2 * pairs, 2) : of.narrow(3, which * pairs, pairs);
    };
    const at::Tensor c = cosines.unsqueeze(2), s = sines.unsqueeze(2);
    const at::Tensor first = half(x, 0), second = half(x, 1);
    at::Tensor y = at::empty(x.sizes(), x.options());
    half(y, 0).copy_(at::addcmul(first * c, second, s, -way));
    half(y, 1).copy_(at::addcmul(second * c, first, s, way));
    if (n > 2 * pairs) y.narrow(3, 2 * pairs, n - 2 * pairs).copy_(x.narrow(3, 2 * pairs, n - 2 * pairs));
    return y;
}

// Its own backward pass: the gradient turns back.
struct ComposedRotation : torch::autograd::Function<ComposedRotation> {
    static at::Tensor forward(AutogradContext* ctx, const at::Tensor& x, const at::Tensor& cosines,
                              const at::Tensor& sines, bool interleaved) {
        ctx->save_for_backward({cosines, sines});
        ctx->saved_data["interleaved"] = interleaved;
        return turned(x, cosines, sines, interleaved, 1.0);
    }

    static variable_list backward(AutogradContext* ctx, variable_list gradients) {
        const variable_list saved = ctx->get_saved_variables();
        const bool interleaved = ctx->saved_data["interleaved"].toBool();
        return {turned(gradients[0], saved[0], saved[1], interleaved, -1.0), at::Tensor(), at::Tensor(), at::Tensor()};
    }
};

at::Tensor composed_rotation(const at::Tensor& heads, const HeadNorm& norm, const RotaryTable& table,
                             bool interleaved) {
    const at::Tensor x = norm.weight.defined() ? rms_norm(heads, norm.weight, norm.epsilon, norm.one_plus) : heads;
    return ComposedRotation::apply(x, table.cosines, table.sines, interleaved);
}

}  // namespace

at::Tensor norm_and_rotate(const at::Tensor& heads, const HeadNorm& norm, const RotaryTable& table,
                           Rotary::Pairing pairing) {
    const bool interleaved = pairing == Rotary::Pairing::kInterleaved;
    if (!has_fused_kernel(heads)) {
        return composed_rotation(heads, norm, table, interleaved);
    }
    const std::optional<at::Tensor> weight = norm.weight.defined() ? std::make_optional(norm.weight) : std::nullopt;
    return NormAndRotate::apply(heads, weight, table.cosines, table.sines, norm.epsilon, norm.one_plus, interleaved);
}

}  // namespace nepenthe::model
