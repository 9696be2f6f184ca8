#include "kernels/combine.h"

#include "base/error.h"
#include "kernels/vector_math.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstring>

namespace nepenthe::kernels {

namespace {

Best combine_by_reference(std::span<const float> b, float shift_b, float bar, std::span<const float> r, float shift_r,
                          float alpha) {
    Best best{kLowest, kLowest, 0};
    for (std::size_t i = 0; i < b.size(); ++i) {
        if (b[i] < bar) continue;
        const float v = combine_value(b[i] - shift_b, r[i] - shift_r, alpha);
        if (v > best.first) {
            best = {v, best.first, static_cast<std::int32_t>(i)};
        } else {
            best.second = std::max(best.second, v);
        }
    }
    return best;
}

// The compiler's vectors, so that what is known of each α stays in registers over the whole row.
constexpr std::size_t kWidth = 16;
typedef float Floats __attribute__((vector_size(kWidth * sizeof(float))));
typedef std::int32_t Ints __attribute__((vector_size(kWidth * sizeof(std::int32_t))));

NEPENTHE_ALWAYS_INLINE void load_whole(const float* from, Floats& to) { std::memcpy(&to, from, sizeof to); }

// `count` entries, padded.
NEPENTHE_ALWAYS_INLINE void load_tail(const float* from, std::size_t count, float padding, Floats& to) {
    to = Floats{} + padding;
    std::memcpy(&to, from, count * sizeof(float));
}

// The running best of each lane for one α.
struct LaneBest {
    Floats first = Floats{} + kLowest, second = Floats{} + kLowest;
    Ints index{};
};

NEPENTHE_ALWAYS_INLINE void take(LaneBest& best, const Floats& v, const Ints& index) {
    const Ints better = v > best.first;
    const Floats loser = better ? best.first : v;
    best.second = loser > best.second ? loser : best.second;
    best.first = better ? v : best.first;
    best.index = better ? index : best.index;
}

Best join_lanes(const LaneBest& lanes) {
    Best best{lanes.first[0], lanes.second[0], lanes.index[0]};
    for (std::size_t lane = 1; lane < kWidth; ++lane) {
        const float first = lanes.first[lane];
        const bool better = first > best.first || (first == best.first && lanes.index[lane] < best.index);
        const float loser = better ? best.first : first;
        best.second = std::max({best.second, loser, lanes.second[lane]});
        if (better) {
            best.first = first;
            best.index = lanes.index[lane];
        }
    }
    return best;
}

// Up to four α a sweep keep their lanes in registers.
constexpr std::size_t kAlphasPerSweep = 4;

NEPENTHE_ALWAYS_INLINE void sweep(std::span<const float> b, float shift_b, float bar, std::span<const float> r,
                                  float shift_r, const float* alphas, std::size_t count, LaneBest* best) {
    Ints index;
    for (std::size_t lane = 0; lane < kWidth; ++lane) index[lane] = static_cast<std::int32_t>(lane);
    Floats x, y;
    std::array<LaneBest, kAlphasPerSweep> running{};
    for (std::size_t at = 0; at < b.size(); at += kWidth, index += static_cast<std::int32_t>(kWidth)) {
        if (at + kWidth <= b.size()) {
            load_whole(b.data() + at, x);
            load_whole(r.data() + at, y);
        } else {
            load_tail(b.data() + at, b.size() - at, kLowest, x);
            load_tail(r.data() + at, b.size() - at, kLowest, y);
            y = x == kLowest ? x : y;
        }
        const Ints plausible = x >= bar;
        x -= shift_b;
        Floats over = (y - shift_r) - x;
        over = over > 0.0f ? over : Floats{};
        for (std::size_t i = 0; i < kAlphasPerSweep; ++i) {
            if (i >= count) continue;
            const Floats v = x - alphas[i] * over;
            take(running[i], plausible ? v : Floats{} + kLowest, index);
        }
    }
    for (std::size_t i = 0; i < count; ++i) best[i] = running[i];
}

}  // namespace

void row_combine(std::span<const float> b, float shift_b, float bar, std::span<const float> r, float shift_r,
                 std::span<const float> alphas, std::span<Best> best, Path path) {
    NEPENTHE_CHECK(b.size() == r.size() && best.size() == alphas.size());
    if (path == Path::kReference) {
        for (std::size_t i = 0; i < alphas.size(); ++i) {
            best[i] = combine_by_reference(b, shift_b, bar, r, shift_r, alphas[i]);
        }
        return;
    }
    for (std::size_t i = 0; i < alphas.size(); i += kAlphasPerSweep) {
        const std::size_t count = std::min(kAlphasPerSweep, alphas.size() - i);
        std::array<LaneBest, kAlphasPerSweep> lanes;
        with_instruction_set(path, [=, into = lanes.data()]() NEPENTHE_INLINED {
            sweep(b, shift_b, bar, r, shift_r, alphas.data() + i, count, into);
        });
        for (std::size_t j = 0; j < count; ++j) best[i + j] = join_lanes(lanes[j]);
    }
}

}  // namespace nepenthe::kernels
