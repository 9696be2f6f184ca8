#pragma once
// Sequences of different lengths as one batch.

#include "model/decoder.h"
#include "text/tokenizer.h"

#include <span>
#include <vector>

namespace nepenthe::evaluate {

enum class Padding { kLeft, kRight };

// [batch, longest] on `device`; the mask is undefined where all have one length. The padding's id is 0.
model::Batch padded_batch(std::span<const std::span<const text::TokenId>> sequences, Padding padding,
                          at::Device device);

}  // namespace nepenthe::evaluate
