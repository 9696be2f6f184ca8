#pragma once
// Families that normalise or scale the MLP's output before it reaches the residual stream (Gemma 3, OLMo 2; Granite):
// which output gives a wanted contribution. specs: editing.md §18.

#include "model/decoder.h"

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace nepenthe::edit {

// The norm behind the second MLP matrix of one layer, y = g ∘ o / rms(o), or the multiplier there.
class PostNorm {
  public:
    // Of a family that has neither, apply and invert give their argument back. Throws Error(kUsage) for one whose norms
    // follow the sum of stream and output.
    PostNorm(const model::Decoder& decoder, std::int64_t layer);

    bool exists() const { return gain_.defined(); }
    // What output `o` [hidden] fp64 adds to the stream.
    at::Tensor apply(const at::Tensor& output) const;
    // The output with the root mean square of `now` whose contribution is nearest to `wanted` [hidden] fp64. The norm
    // gives nothing but points of the ellipsoid {g ∘ u : rms(u) = 1}, so a wanted contribution is met in direction,
    // hardly ever in length: u minimises ‖g ∘ u − wanted‖ under rms(u) = 1.
    at::Tensor invert(const at::Tensor& wanted, const at::Tensor& now) const;

  private:
    at::Tensor gain_;  // [hidden] fp64; undefined without a norm
    double epsilon_ = 0;
    double multiplier_ = 1;  // without a norm; a norm's is in the gain
};

}  // namespace nepenthe::edit
