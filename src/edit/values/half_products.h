#pragma once
// vocabulary_products.h for a bf16 unembedding, on processors that multiply pairs of bf16 numbers and add them up in
// fp32 (AVX512-BF16): twice the products, half the bytes.

#include "edit/values/vocabulary_products.h"

#include <cstdint>

namespace nepenthe::edit {

// Whether this processor can; the functions below throw Error(kInternal) where it cannot.
bool has_half_products();

// A strip of the unembedding: ids rows of `hidden` bf16 numbers, `hidden` even.
struct HalfStrip {
    const std::uint16_t* weights;
    std::int64_t ids, hidden;
};

// strip_logits() with states as pairs: [hidden / 2, kLaneBlock, 2]. Nothing is rounded on the way to the sums.
void half_strip_logits(const HalfStrip& strip, const std::uint16_t* states, std::int64_t lanes, float* logits);

// Rows of the strip two by two, for half_strip_sums(): pairs [(ids + 1) / 2, hidden, 2], with zeros beside a last odd
// row.
void interleave_rows(const HalfStrip& strip, std::uint16_t* pairs);

// strip_sums() with interleaved rows; rounds the factors to bf16.
void half_strip_sums(const HalfStrip& strip, const std::uint16_t* pairs, const float* factors, std::int64_t lanes,
                     float* sums);

}  // namespace nepenthe::edit
