#pragma once
// A decoder whose weights are those of a quantised copy (kernels/quantise.h), for audits: does it know again, or no
// longer, what it was made to forget?

#include "kernels/quantise.h"
#include "model/decoder.h"

#include <cstdint>

namespace nepenthe::model {

// What was quantised.
struct QuantisedMaps {
    std::int64_t matrices = 0;
    std::int64_t weights = 0;
};

// Rounds the linear maps inside the blocks, in the compute dtype: attention's and the MLP's matrices, and the
// alternatives of a side memory. Embeddings, unembedding, norms, biases and activations stay as they are, as
// bitsandbytes leaves them through transformers. A row is an output's weights, also where matrices are stored [in,
// out].
QuantisedMaps quantise_linear_maps(Decoder& decoder, kernels::WeightCode code);

}  // namespace nepenthe::model
