#pragma once
// A decoder's unembedding by itself: what must stay when the baseline makes room for the reinforced model.

#include "model/decoder.h"

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace nepenthe::unlearn {

struct Unembedding {
    at::Tensor weight;  // [vocabulary, hidden] fp32, or bf16 where every value is one (compact)
    at::Tensor bias;    // [vocabulary] fp32, undefined where there is none
    double soft_cap = 0;

    // Of `decoder`, sharing its memory where that holds nothing else, so that it outlives the decoder cheaply.
    static Unembedding of(const model::Decoder& decoder);
    // The same in half the memory, and none of the decoder's, where the weights came from a bf16 checkpoint: their
    // values are exact in bf16. Others stay fp32.
    Unembedding compact() const;

    std::int64_t vocabulary() const;
    // Logits of normed states in fp32: [n, hidden] → [n, vocabulary], contiguous, on the CPU. The same bits from
    // compact weights: slices of the vocabulary are widened one after the other.
    at::Tensor logits(const at::Tensor& normed) const;
};

}  // namespace nepenthe::unlearn
