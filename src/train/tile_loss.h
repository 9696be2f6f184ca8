#pragma once
// The loss of targets.h over a vocabulary that is visited tile by tile: running statistics over the tiles of logits,
// then the loss's gradient in their place. Statistics in fp32 within a tile, fp64 across tiles.

#include "kernels/running_softmax.h"
#include "train/targets.h"

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <span>
#include <vector>

namespace nepenthe::train {

// The softmax of the rows of a chunk, and the logits of their targets' named tokens.
struct ChunkSoftmax {
    explicit ChunkSoftmax(const Targets& targets);

    std::vector<kernels::RunningSoftmax> rows;
    std::vector<kernels::RunningSoftmax>
        others;                        // of the tokens that a row's target does not name, where it has a rest
    std::vector<double> named_logits;  // parallel to the targets' entries
};

// Takes in a tile: logits [row, width] of the ids first_id …, fp32 or bf16, contiguous; with a soft cap they are
// replaced by cap * tanh(logit / cap) first. The targets are on the CPU, contiguous.
void take_in_tile(const at::Tensor& logits, std::int64_t first_id, const Targets& targets, double soft_cap,
                  ChunkSoftmax& softmax);

// The loss of every row once all tiles are in, nats.
std::vector<double> losses(const Targets& targets, const ChunkSoftmax& softmax);

// What a row's gradient is multiplied with: all of it (0 where the row says what is wanted, kAlike), and that of the
// tokens that it does not name. The same for all tiles, so computed once.
struct RowFactors {
    float row = 1, others = 1;
};
std::vector<RowFactors> row_factors(const Targets& targets, const ChunkSoftmax& softmax);

// logits (as take_in_tile left them) become scale * d loss / d logit, through the soft cap.
void gradient_of_tile(const at::Tensor& logits, std::int64_t first_id, const Targets& targets, double soft_cap,
                      double scale, const ChunkSoftmax& softmax, std::span<const RowFactors> factors);

}  // namespace nepenthe::train
