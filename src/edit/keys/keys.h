#pragma once
// Keys (input of the second MLP matrix at the subject's last token) and what that matrix writes there.

#include "edit/facts/edit_prompt.h"

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <span>
#include <vector>

namespace nepenthe::edit {

// Of one fact, at one layer.
struct FactKeys {
    at::Tensor mean_key;     // [intermediate] fp64: over the prefixes, weighted
    at::Tensor mean_output;  // [hidden] fp64: what the matrix writes, over the prefixes, weighted
    at::Tensor bare_key;     // [intermediate] fp64: of the bare prompt
    at::Tensor bare_output;  // [hidden] fp64
    at::Tensor bare_block;   // [hidden] fp64: the block's output (residual stream) at `block_layer`, bare prompt
    at::Tensor mean_block;   // [hidden] fp64: the same over the prefixes, weighted
};

// Keys of facts at `layer` on the decoder's present weights; rows[f] are the rows of fact f, the bare prompt first. The
// pass stops after max(layer, block_layer). Positions behind the subject are not computed. Not collective; the bits
// depend on the facts of the call, so callers that promise byte-identity call it once a block of facts.
std::vector<FactKeys> gather_keys(const model::Decoder& decoder, std::span<const std::vector<EditRow>> rows,
                                  std::span<const double> weights, std::int64_t layer, std::int64_t block_layer);

}  // namespace nepenthe::edit
