#pragma once
// The products of vocabulary_products.h over one strip of the unembedding after another, in bf16 where model and
// processor have it.

#include "edit/values/half_products.h"
#include "edit/values/vocabulary_products.h"

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

namespace nepenthe::edit {

// Normed states as lanes: blocks of kLaneBlock rows side by side, zeros behind the last row.
class LaneStates {
  public:
    // normed: [rows, hidden] fp32 or bf16; as many blocks as `lanes` need. In pairs of bf16 numbers if `half`.
    LaneStates(const at::Tensor& normed, std::int64_t lanes, bool half);
    const float* block(std::int64_t index) const;
    const std::uint16_t* half_block(std::int64_t index) const;

  private:
    at::Tensor lanes_;  // [block, hidden, kLaneBlock] fp32, or [block, hidden / 2, kLaneBlock, 2] bf16
};

class VocabularyStrips {
  public:
    // Both must outlive this. At most `most_ids` rows a strip.
    VocabularyStrips(const at::Tensor& unembedding, const LaneStates& states, std::int64_t most_ids, bool half);
    // Whether these products can be had in pairs of bf16 numbers.
    static bool can_be_half(const at::Tensor& unembedding, const at::Tensor& normed);

    // The strip that the others are about: rows [id, id + ids) of the unembedding.
    void go_to(std::int64_t id, std::int64_t ids);
    // logits [ids, kLaneBlock] of a block of lanes, of which the first `lanes` are wanted.
    void logits(std::int64_t block, std::int64_t lanes, float* out) const;
    // sums [lanes, hidden] += factors [ids, kLaneBlock] · strip. Rounds the factors to bf16 if `half`.
    void add_sums(const float* factors, std::int64_t lanes, float* sums) const;

  private:
    const at::Tensor& unembedding_;
    const LaneStates& states_;
    bool half_, tiles_;
    std::int64_t hidden_;
    Strip strip_{};
    HalfStrip half_strip_{};
    std::vector<float> widened_;        // rows of a bf16 unembedding for fp32 products
    std::vector<std::uint16_t> pairs_;  // interleaved rows
};

// sums [hidden] += factor · one row of the unembedding, in fp32.
void add_row(const at::Tensor& unembedding, std::int64_t id, float factor, float* sums);

}  // namespace nepenthe::edit
