#pragma once
// How the products of vocabulary_products.cpp and half_products.cpp are cut into tiles that stay in AVX-512 registers:
// two vectors of 16 numbers for each of up to 12 ids, or lanes.

#include <algorithm>
#include <cstdint>

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__SANITIZE_ADDRESS__)
#define NEPENTHE_AVX512 1
#include <immintrin.h>

namespace nepenthe::edit {

// visit.operator()<size>(begin) for stretches of [0, count): of the first size while they fit, then of the next. The
// last size is 1.
template <int... kSizes, typename Visit>
void visit_stretches(std::int64_t count, const Visit& visit) {
    std::int64_t begin = 0;
    const auto of_size = [&]<int kSize>() {
        for (; begin + kSize <= count; begin += kSize) visit.template operator()<kSize>(begin);
    };
    (of_size.template operator()<kSizes>(), ...);
}

// Which of the next 32 columns exist, where `left` do.
struct ColumnMasks {
    __mmask16 first, second;
};

inline ColumnMasks column_masks(std::int64_t left) {
    const std::uint64_t mask = (std::uint64_t{1} << std::min<std::int64_t>(32, left)) - 1;
    return {static_cast<__mmask16>(mask & 0xffffu), static_cast<__mmask16>(mask >> 16)};
}

}  // namespace nepenthe::edit

#endif
