#pragma once
// The two matrix products of a pass over the vocabulary, for a strip of unembedding rows that lies in the cache: logits
// of many positions, then sums of unembedding rows. Positions stand side by side in lanes, so that the unembedding is
// read as it is stored and nothing is packed.

#include "kernels/lane_softmax.h"

#include <cstdint>

namespace nepenthe::edit {

using kernels::kLaneBlock;  // positions side by side

// A strip of the unembedding: ids rows of `hidden` fp32 numbers.
struct Strip {
    const float* weights;
    std::int64_t ids, hidden;
};

// logits[v][l] = Σ_k strip[v][k] · states[k][l] for the first `lanes` lanes of one block; those of others are finite:
// states [hidden, kLaneBlock], logits [ids, kLaneBlock].
void strip_logits(const Strip& strip, const float* states, std::int64_t lanes, float* logits);

// sums[l][d] += Σ_v factors[v][l] · strip[v][d] for the first `lanes` lanes: factors [ids, kLaneBlock], sums [lanes,
// hidden].
void strip_sums(const Strip& strip, const float* factors, std::int64_t lanes, float* sums);

}  // namespace nepenthe::edit
