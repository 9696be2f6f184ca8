#pragma once
// Symmetric matrices as their upper triangle, row by row, in fp64: half the memory, half the disk.

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <span>
#include <vector>

namespace nepenthe::edit {

// Entries of the triangle of an n × n matrix: n (n + 1) / 2. Beyond 2³¹ from n = 65,536 on.
constexpr std::int64_t triangle_size(std::int64_t n) { return n * (n + 1) / 2; }
// Where row `row` begins, with its diagonal entry: column c ≥ row lies c - row behind.
constexpr std::int64_t triangle_row(std::int64_t n, std::int64_t row) { return row * n - row * (row - 1) / 2; }

// Σ k kᵀ over keys handed in.
class OuterProductSum {
  public:
    explicit OuterProductSum(std::int64_t n);
    // `keys` [count, n] fp32. The products are fp32 (one matrix product a panel of rows), the sum over calls fp64: bits
    // depend on what each call holds and on the order of calls.
    void add(const at::Tensor& keys);
    const std::vector<double>& values() const { return values_; }

  private:
    std::int64_t n_;
    std::vector<double> values_;
};

// The whole matrix times `scale`: [n, n] fp64.
at::Tensor unpack_triangle(std::span<const double> triangle, std::int64_t n, double scale);

}  // namespace nepenthe::edit
