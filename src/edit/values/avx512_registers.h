#pragma once
// How the products of vocabulary_products.cpp and half_products.cpp are cut into blocks that stay in AVX-512 registers:
// two vectors of 16 numbers for each of up to 12 ids, or lanes.

#include <algorithm>
#include <cstdint>
#include <utility>

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__SANITIZE_ADDRESS__)
#define NEPENTHE_AVX512 1
#include <immintrin.h>

namespace nepenthe::edit {

// Asks for the line of `address` ahead of time: rows of the unembedding come from memory, and processors do not look
// ahead beyond a page. Need not be an address of ours.
template <typename Number>
void fetch(const Number* address) {
    _mm_prefetch(reinterpret_cast<const char*>(address), _MM_HINT_T0);
}

constexpr int kMostRows = 12;  // ids, or lanes

// visit.operator()<size>(begin) for as few stretches of [0, count) as sizes of at most kMostRows allow, all of much the
// same size: a short one takes as long as a long one, because each of its sums waits for itself.
template <typename Visit>
void visit_stretches(std::int64_t count, const Visit& visit) {
    const std::int64_t stretches = (count + kMostRows - 1) / kMostRows;
    const auto of_size = [&]<int... kSmaller>(std::int64_t begin, std::int64_t size,
                                              std::integer_sequence<int, kSmaller...>) {
        ((size == kSmaller + 1 ? visit.template operator()<kSmaller + 1>(begin) : void()), ...);
    };
    for (std::int64_t i = 0; i < stretches; ++i) {
        const std::int64_t begin = count * i / stretches, end = count * (i + 1) / stretches;
        of_size(begin, end - begin, std::make_integer_sequence<int, kMostRows>());
    }
}

// visit.operator()<size, two>(begin) for stretches of ids, where sums of the first `lanes` lanes are wanted: in two
// vectors, or in one if they fit.
template <typename Visit>
void visit_ids(std::int64_t ids, std::int64_t lanes, const Visit& visit) {
    const auto in_vectors = [&]<bool kTwoVectors>() {
        visit_stretches(ids,
                        [&]<int kIds>(std::int64_t begin) { visit.template operator()<kIds, kTwoVectors>(begin); });
    };
    if (lanes > 16) {
        in_vectors.template operator()<true>();
    } else {
        in_vectors.template operator()<false>();
    }
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
