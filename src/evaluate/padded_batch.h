#pragma once
// Sequences of different lengths as one batch.

#include "model/decoder.h"
#include "text/tokenizer.h"

#include <span>
#include <vector>

namespace nepenthe::evaluate {

// Right-padded [batch, longest] on `device`; the mask is undefined where all have one length. The padding's id is 0.
model::Batch right_padded(std::span<const std::vector<text::TokenId>> sequences, at::Device device);

}  // namespace nepenthe::evaluate
