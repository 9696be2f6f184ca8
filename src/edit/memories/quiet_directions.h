#pragma once
// Directions of keys that a side memory is kept blind to. Keys of unlike texts share a large common part (Gemma 3 270M,
// layer 14: cosine 0.7 with their mean), which would carry a change to every prompt. specs: editing.md §8.

#include "model/decoder.h"
#include "text/tokenizer.h"

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <span>
#include <vector>

namespace nepenthe::edit {

// The `count` leading directions of the uncentred second moments of the texts' keys at `layer`, first tokens left out:
// [at most count, intermediate], orthonormal, fp32. No gradient; the same on every rank.
at::Tensor leading_key_directions(const model::Decoder& decoder, std::int64_t layer,
                                  std::span<const std::vector<text::TokenId>> texts, std::int64_t count);

// Projects a gradient by W [out, in] onto changes within a mask that write nothing for the directions.
class QuietProjection {
  public:
    QuietProjection() = default;  // leaves gradients as they are
    // `mask` of zeros and ones [out, in]; directions [count, in].
    QuietProjection(at::Tensor directions, const at::Tensor& mask);
    // `gradient` [out, in], zero outside the mask.
    at::Tensor operator()(const at::Tensor& gradient) const;

  private:
    at::Tensor directions_, mask_;
    at::Tensor solve_;  // [out, count, count]: inverse Gram matrices of the directions as each row's mask leaves them
};

}  // namespace nepenthe::edit
