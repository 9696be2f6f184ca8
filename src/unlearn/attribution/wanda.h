#pragma once
// Wanda (Sun et al., arXiv 2306.11695): a weight is compared with the others of its output alone, by |w| · ‖x‖₂, where
// x are the inputs that it meets over the items. A rank within the row instead of the product makes it a score for the
// one ranking of attribution/select.h, at the density of every other score: a cut at ρ keeps the share ρ of each
// output's weights, to within one weight. (The published comparison masks leave embeddings, norms and unembedding
// trainable as a whole, and so keep more than ρ.)

#include "model/linear_maps.h"
#include "unlearn/attribution/parameter_table.h"

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

namespace nepenthe::unlearn {

// Scores of the elements [begin, begin + out.size()) of a parameter, counted row by row as it is stored: the share of
// its output's weights that do not rank above it, 1 for the first. Equal products rank by place, the first one higher.
// `weight` is the whole parameter, fp32 on the host: [out, in], or [in, out] with `transposed`; one with a single axis
// is one row. `input_norms`: [in] fp32; undefined where no activation meets the parameter, then |w| alone counts.
// Throws Error(kData) for a product that is no number.
void wanda_scores(const at::Tensor& weight, bool transposed, const at::Tensor& input_norms, std::int64_t begin,
                  std::span<float> out);

// Scores of a rank's shard, [n] fp32 on the host; padding is 0. `input_norms(map)`: [in] fp32 of what a linear map
// reads, up to a factor; called for the maps that the shard holds weights of, once an input while maps follow one
// another. Parameters that are no linear map of a layer (embedding, unembedding, norms, biases) are ranked by |w|
// alone.
void wanda_shard(const model::Decoder& decoder, const ParameterTable& table, const std::vector<ShardRange>& ranges,
                 const std::function<at::Tensor(const model::LinearMap& map)>& input_norms, const at::Tensor& out);

}  // namespace nepenthe::unlearn
