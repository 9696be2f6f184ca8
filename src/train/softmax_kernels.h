#pragma once
// The softmax of a vocabulary that is visited tile by tile: running statistics over the tiles of logits, then the
// gradient of the negative log-likelihood in their place. Statistics in fp32 within a tile, fp64 across tiles.

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

namespace nepenthe::train {

// What is known of one row (position) after some tiles.
struct RowSoftmax {
    double maximum = 0, sum = 0;  // sum of exp(logit - maximum); 0 before the first tile
    double target_logit = 0;
    double log_sum_exp() const;
};

// Takes in a tile: logits [row, width] of the ids first_id …, fp32 or bf16, contiguous; with a soft cap they are
// replaced by cap * tanh(logit / cap) first. targets: [row] int64.
void take_in_tile(const at::Tensor& logits, std::int64_t first_id, const at::Tensor& targets, double soft_cap,
                  std::vector<RowSoftmax>& rows);

// logits (as take_in_tile left them) become scale * d(-log softmax[target])/d logit, through the soft cap.
void gradient_of_tile(const at::Tensor& logits, std::int64_t first_id, const at::Tensor& targets, double soft_cap,
                      double scale, const std::vector<RowSoftmax>& rows);

}  // namespace nepenthe::train
