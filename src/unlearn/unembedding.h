#pragma once
// A decoder's unembedding by itself: what must stay when the baseline makes room for the reinforced model.

#include "model/decoder.h"

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace nepenthe::unlearn {

struct Unembedding {
    at::Tensor weight;  // [vocabulary, hidden] fp32
    at::Tensor bias;    // [vocabulary] fp32, undefined where there is none
    double soft_cap = 0;

    // Of `decoder`, sharing its memory where that holds nothing else, so that it outlives the decoder cheaply.
    static Unembedding of(const model::Decoder& decoder);

    std::int64_t vocabulary() const;
    // Logits of normed states in fp32: [n, hidden] → [n, vocabulary], contiguous, on the CPU.
    at::Tensor logits(const at::Tensor& normed) const;
};

}  // namespace nepenthe::unlearn
