#include "edit/keys/packed_triangle.h"

#include "base/error.h"
#include "model/gemm.h"

#include <ATen/Parallel.h>
#include <torch/types.h>

#include <algorithm>

namespace nepenthe::edit {

namespace {

// Rows of a panel: high enough for fast products, low enough that little is computed below the diagonal.
constexpr std::int64_t kPanel = 256;

}  // namespace

OuterProductSum::OuterProductSum(std::int64_t n) : n_(n), values_(static_cast<std::size_t>(triangle_size(n)), 0.0) {}

void OuterProductSum::add(const at::Tensor& keys) {
    NEPENTHE_CHECK(keys.dim() == 2 && keys.size(1) == n_ && keys.scalar_type() == at::kFloat && keys.is_cpu());
    // Rows of the transpose are dense, for both sides of the product.
    const at::Tensor columns = keys.t().contiguous();
    for (std::int64_t first = 0; first < n_; first += kPanel) {
        const std::int64_t rows = std::min(kPanel, n_ - first), width = n_ - first;
        const at::Tensor product =
            model::matrix_product(columns.narrow(0, first, rows), columns.narrow(0, first, width).t()).contiguous();
        const float* data = product.const_data_ptr<float>();
        at::parallel_for(0, rows, 16, [&](std::int64_t begin, std::int64_t end) {
            for (std::int64_t row = begin; row < end; ++row) {
                double* sum = values_.data() + triangle_row(n_, first + row);
                const float* from = data + row * width + row;
                for (std::int64_t i = 0; i < width - row; ++i) sum[i] += static_cast<double>(from[i]);
            }
        });
    }
}

at::Tensor unpack_triangle(std::span<const double> triangle, std::int64_t n, double scale) {
    NEPENTHE_CHECK(std::ssize(triangle) == triangle_size(n));
    at::Tensor matrix = at::empty({n, n}, at::kDouble);
    double* data = matrix.mutable_data_ptr<double>();
    // By square tiles: the mirrored half would otherwise touch a new cache line with every entry.
    constexpr std::int64_t kTile = 64;
    const std::int64_t tiles = (n + kTile - 1) / kTile;
    at::parallel_for(0, tiles, 1, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t tile = begin * tiles; tile < end * tiles; ++tile) {
            const std::int64_t top = tile / tiles * kTile, left = tile % tiles * kTile;
            if (left < top) continue;
            for (std::int64_t row = top; row < std::min(top + kTile, n); ++row) {
                const double* from = triangle.data() + triangle_row(n, row) - row;
                for (std::int64_t column = std::max(left, row); column < std::min(left + kTile, n); ++column) {
                    data[row * n + column] = data[column * n + row] = from[column] * scale;
                }
            }
        }
    });
    return matrix;
}

}  // namespace nepenthe::edit
