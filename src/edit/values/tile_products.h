#pragma once
// half_products.h on processors with matrix tiles (AMX-BF16): sixteen rows by sixteen columns of sums over 32 bf16
// numbers in one instruction, eight times what vectors multiply.

#include "edit/values/half_products.h"

#include <cstdint>

namespace nepenthe::edit {

// Whether this processor has tiles and the kernel lets this process use them. The functions below throw
// Error(kInternal) where it has not, or where the strip's `hidden` does not fit.
bool has_tile_products();
inline bool fits_tiles(std::int64_t hidden) { return hidden % 32 == 0; }

// half_strip_logits() of all lanes, and half_strip_sums().
void tile_logits(const HalfStrip& strip, const std::uint16_t* states, float* logits);
void tile_sums(const HalfStrip& strip, const std::uint16_t* pairs, const float* factors, std::int64_t lanes,
               float* sums);

}  // namespace nepenthe::edit
