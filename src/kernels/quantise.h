#pragma once
// Round-to-nearest quantisation, simulated: each weight becomes the value that its code stands for, in its own dtype,
// so that every forward pass shows what a quantised model knows. Codes and scales themselves are not kept.
//
//     int8   one scale a row, |largest| / 127; codes −127 … 127
//     int4   one scale a group of 128 columns, |largest| / 7; codes −7 … 7
//     fp4    blocks of 64 columns over their |largest|; ± 0, .0625, 2, 3, 4, 6, 8, 12 twelfths (bitsandbytes' FP4)
//     nf4    blocks of 64 columns over their |largest|; quantiles of a normal distribution (Dettmers et al., "QLoRA",
//            2023, appendix E)
//
// Groups lie within a row; the last one of a row may be short. Scales are fp32 and not quantised themselves.

#include "kernels/dispatch.h"

#include <c10/util/BFloat16.h>

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

namespace nepenthe::kernels {

enum class WeightCode : std::uint8_t { kInt8, kInt4, kFp4, kNf4 };
inline constexpr std::array<WeightCode, 4> kWeightCodes{WeightCode::kInt8, WeightCode::kInt4, WeightCode::kFp4,
                                                        WeightCode::kNf4};

std::string_view weight_code_name(WeightCode code);  // "int8", "int4", "fp4", "nf4"
// Throws Error(kUsage) for another name.
WeightCode parse_weight_code(std::string_view name);

// Columns that share a scale; 0 = the whole row.
std::int64_t group_columns(WeightCode code);
// What codes stand for in a block whose |largest| is 1, ascending; empty for int8 and int4.
std::span<const float> code_book(WeightCode code);

// In place; [row, column], one row behind the other, finite. The same bits on every path.
//
// Integers are rounded to the nearest, halves to the even one. Of a code book the nearest value is taken, and of two
// that are equally near the smaller in magnitude. A group of zeros stays zero, and so does, of integers, one whose
// scale is no normal number. A zero is written as +0.
void quantise(float* weights, std::int64_t rows, std::int64_t columns, WeightCode code, Path path = path_in_use());
void quantise(c10::BFloat16* weights, std::int64_t rows, std::int64_t columns, WeightCode code,
              Path path = path_in_use());

}  // namespace nepenthe::kernels
