#pragma once
// Sums over one whole row of logits: fp32 in 16 lanes that are emptied into fp64 every 4096 entries, which bounds the
// rounding error of long rows.

#include "kernels/dispatch.h"

#include <span>

namespace nepenthe::kernels {

// Σ row.
double row_sum(std::span<const float> row, Path path = path_in_use());

// log Σ exp(row); not finite where an entry is not, −inf included. The row is not empty.
float row_log_sum_exp(std::span<const float> row, Path path = path_in_use());

}  // namespace nepenthe::kernels
