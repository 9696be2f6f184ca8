#include "kernels/top_k.h"

#include "base/error.h"
#include "kernels/vector_math.h"

#include <algorithm>
#include <cstddef>
#include <numeric>

namespace nepenthe::kernels {

namespace {

constexpr std::size_t kStep = 16, kScanned = 2048;

// Appends the indices of [begin, end) whose entry is greater than `bar`.
NEPENTHE_ALWAYS_INLINE void collect_above(const float* row, std::size_t begin, std::size_t end, float bar,
                                          std::vector<std::int32_t>* out) {
    std::size_t at = begin;
    for (; at + kStep <= end; at += kStep) {
        std::int32_t any = 0;
        for (std::size_t lane = 0; lane < kStep; ++lane) any |= row[at + lane] > bar ? 1 : 0;
        if (any == 0) continue;
        for (std::size_t lane = 0; lane < kStep; ++lane) {
            if (row[at + lane] > bar) out->push_back(static_cast<std::int32_t>(at + lane));
        }
    }
    for (; at < end; ++at) {
        if (row[at] > bar) out->push_back(static_cast<std::int32_t>(at));
    }
}

}  // namespace

void row_top_k(std::span<const float> row, std::vector<std::int32_t>& scratch, std::span<std::int32_t> out, Path path) {
    const std::size_t kept = out.size();
    NEPENTHE_CHECK(kept >= 1 && kept <= row.size());
    const auto before = [&](std::int32_t a, std::int32_t c) {
        const float x = row[static_cast<std::size_t>(a)], y = row[static_cast<std::size_t>(c)];
        return x > y || (x == y && a < c);
    };
    scratch.clear();
    if (path == Path::kReference) {
        scratch.resize(row.size());
        std::iota(scratch.begin(), scratch.end(), 0);
    } else {
        const auto keep_best = [&] {
            std::nth_element(scratch.begin(), scratch.begin() + static_cast<std::ptrdiff_t>(kept) - 1, scratch.end(),
                             before);
            scratch.resize(kept);
            return row[static_cast<std::size_t>(scratch.back())];
        };
        // Later entries of the same value lose the tie, so only those above the bar of what was seen so far can enter.
        float bar = kLowest;
        for (std::size_t begin = 0; begin < row.size(); begin += kScanned) {
            const std::size_t end = std::min(begin + kScanned, row.size());
            with_instruction_set(path, [=, values = row.data(), into = &scratch]()
                                           NEPENTHE_INLINED { collect_above(values, begin, end, bar, into); });
            if (scratch.size() >= 2 * kept || (bar == kLowest && scratch.size() >= kept)) bar = keep_best();
        }
        keep_best();
    }
    std::sort(scratch.begin(), scratch.end(), before);
    std::copy_n(scratch.begin(), kept, out.begin());
}

}  // namespace nepenthe::kernels
