#include "unlearn/combine_kernels.h"

#include "base/error.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <limits>

namespace nepenthe::unlearn {

namespace {

constexpr std::size_t kLanes = 16;
typedef float Floats __attribute__((vector_size(kLanes * sizeof(float))));
typedef std::int32_t Ints __attribute__((vector_size(kLanes * sizeof(std::int32_t))));

#if defined(__x86_64__) && !defined(__SANITIZE_ADDRESS__)
#define NEPENTHE_SIMD __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define NEPENTHE_SIMD
#endif
#define NEPENTHE_INLINE inline __attribute__((always_inline))

constexpr float kLowest = -std::numeric_limits<float>::infinity();

NEPENTHE_INLINE void load(const float* from, Floats& to) { std::memcpy(&to, from, sizeof to); }

// exp(x) for x ≤ 0, relative error below 2e-7: 2^n · p(f) with the reduction and minimax polynomial of the Cephes
// library's expf. Arguments below -87 give 0.
NEPENTHE_INLINE void exp_of_negative(Floats x, Floats& out) {
    const Floats floor = Floats{} - 87.0f;
    const Ints below = x < floor;
    x = below ? floor : x;
    // Adding and taking away 1.5·2^23 rounds to the nearest whole number.
    const Floats shifted = x * 1.44269504088896341f + 12582912.0f;
    const Floats n = shifted - 12582912.0f;
    Ints exponent;
    std::memcpy(&exponent, &shifted, sizeof exponent);
    x = x - n * 0.693359375f;
    x = x - n * -2.12194440e-4f;
    Floats p = Floats{} + 1.9875691500e-4f;
    p = p * x + 1.3981999507e-3f;
    p = p * x + 8.3334519073e-3f;
    p = p * x + 4.1665795894e-2f;
    p = p * x + 1.6666665459e-1f;
    p = p * x + 5.0000001201e-1f;
    p = p * x * x + x + 1.0f;
    // The low bits of `shifted` hold n; put it into the exponent of 2^n.
    const Ints bits = (exponent + 127) << 23;
    Floats scale;
    std::memcpy(&scale, &bits, sizeof scale);
    p = p * scale;
    out = below ? Floats{} : p;
}

// The row's entries behind the last whole vector, padded.
NEPENTHE_INLINE void load_tail(std::span<const float> row, std::size_t at, float padding, Floats& to) {
    to = Floats{} + padding;
    std::memcpy(&to, row.data() + at, (row.size() - at) * sizeof(float));
}

}  // namespace

NEPENTHE_SIMD double row_sum(std::span<const float> row) {
    // Lanes are emptied into fp64 every 4096 entries, which bounds the rounding error of long rows.
    constexpr std::size_t kRun = 4096;
    double total = 0;
    for (std::size_t begin = 0; begin < row.size(); begin += kRun) {
        const std::size_t end = std::min(begin + kRun, row.size());
        Floats sum{}, x;
        std::size_t at = begin;
        for (; at + kLanes <= end; at += kLanes) {
            load(row.data() + at, x);
            sum += x;
        }
        if (at < end) {
            load_tail(row, at, 0.0f, x);
            sum += x;
        }
        for (std::size_t lane = 0; lane < kLanes; ++lane) total += static_cast<double>(sum[lane]);
    }
    return total;
}

NEPENTHE_SIMD float row_log_sum_exp(std::span<const float> row) {
    Floats largest = Floats{} + kLowest, x, e;
    std::size_t at = 0;
    for (; at + kLanes <= row.size(); at += kLanes) {
        load(row.data() + at, x);
        largest = x > largest ? x : largest;
    }
    if (at < row.size()) {
        load_tail(row, at, kLowest, x);
        largest = x > largest ? x : largest;
    }
    float max = kLowest;
    for (std::size_t lane = 0; lane < kLanes; ++lane) max = std::max(max, largest[lane]);

    constexpr std::size_t kRun = 4096;
    double total = 0;
    Floats watch{};  // stays 0 unless an entry is infinite or not a number
    for (std::size_t begin = 0; begin < row.size(); begin += kRun) {
        const std::size_t end = std::min(begin + kRun, row.size());
        Floats sum{};
        for (at = begin; at + kLanes <= end; at += kLanes) {
            load(row.data() + at, x);
            watch += x * 0.0f;
            exp_of_negative(x - max, e);
            sum += e;
        }
        if (at < end) {
            load_tail(row, at, max - 1000.0f, x);
            watch += x * 0.0f;
            exp_of_negative(x - max, e);
            sum += e;
        }
        for (std::size_t lane = 0; lane < kLanes; ++lane) total += static_cast<double>(sum[lane]);
    }
    for (std::size_t lane = 0; lane < kLanes; ++lane) total += static_cast<double>(watch[lane]);
    return static_cast<float>(static_cast<double>(max) + std::log(total));
}

namespace {

// The running best of each lane for one α.
struct LaneBest {
    Floats first = Floats{} + kLowest, second = Floats{} + kLowest;
    Ints index{};
};

NEPENTHE_INLINE void take(LaneBest& best, Floats v, Ints index) {
    const Ints better = v > best.first;
    const Floats loser = better ? best.first : v;
    best.second = loser > best.second ? loser : best.second;
    best.first = better ? v : best.first;
    best.index = better ? index : best.index;
}

Best join_lanes(const LaneBest& lanes) {
    Best best{lanes.first[0], lanes.second[0], lanes.index[0]};
    for (std::size_t lane = 1; lane < kLanes; ++lane) {
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

NEPENTHE_SIMD void sweep(std::span<const float> b, float shift_b, float bar, std::span<const float> r, float shift_r,
                         const float* alphas, std::size_t count, LaneBest* best) {
    Ints index;
    for (std::size_t lane = 0; lane < kLanes; ++lane) index[lane] = static_cast<std::int32_t>(lane);
    Floats x, y;
    std::array<LaneBest, kAlphasPerSweep> running{};
    for (std::size_t at = 0; at < b.size(); at += kLanes, index += static_cast<std::int32_t>(kLanes)) {
        if (at + kLanes <= b.size()) {
            load(b.data() + at, x);
            load(r.data() + at, y);
        } else {
            load_tail(b, at, kLowest, x);
            load_tail(r, at, kLowest, y);
            y = x == kLowest ? x : y;
        }
        const Ints plausible = x >= bar;
        x -= shift_b;
        Floats over = (y - shift_r) - x;
        over = over > 0.0f ? over : Floats{};
        for (std::size_t i = 0; i < kAlphasPerSweep; ++i) {
            const Floats v = x - alphas[i] * over;
            if (i < count) take(running[i], plausible ? v : Floats{} + kLowest, index);
        }
    }
    for (std::size_t i = 0; i < count; ++i) best[i] = running[i];
}

}  // namespace

void row_combine(std::span<const float> b, float shift_b, float bar, std::span<const float> r, float shift_r,
                 std::span<const float> alphas, std::span<Best> best) {
    for (std::size_t i = 0; i < alphas.size(); i += kAlphasPerSweep) {
        const std::size_t count = std::min(kAlphasPerSweep, alphas.size() - i);
        std::array<LaneBest, kAlphasPerSweep> lanes;
        sweep(b, shift_b, bar, r, shift_r, alphas.data() + i, count, lanes.data());
        for (std::size_t j = 0; j < count; ++j) best[i + j] = join_lanes(lanes[j]);
    }
}

namespace {

// Appends the indices of [begin, end) whose entry is greater than `bar`.
NEPENTHE_SIMD void collect_above(std::span<const float> row, std::size_t begin, std::size_t end, float bar,
                                 std::vector<std::int32_t>& out) {
    Floats x;
    std::size_t at = begin;
    for (; at + kLanes <= end; at += kLanes) {
        load(row.data() + at, x);
        const Ints above = x > bar;
        std::int32_t any = 0;
        for (std::size_t lane = 0; lane < kLanes; ++lane) any |= above[lane];
        if (any == 0) continue;
        for (std::size_t lane = 0; lane < kLanes; ++lane) {
            if (above[lane]) out.push_back(static_cast<std::int32_t>(at + lane));
        }
    }
    for (; at < end; ++at) {
        if (row[at] > bar) out.push_back(static_cast<std::int32_t>(at));
    }
}

}  // namespace

void row_top_k(std::span<const float> row, std::int64_t k, std::vector<std::int32_t>& scratch,
               std::span<std::int32_t> out) {
    const auto kept = static_cast<std::size_t>(k);
    NEPENTHE_CHECK(kept >= 1 && kept <= row.size() && out.size() == kept);
    const auto before = [&](std::int32_t a, std::int32_t c) {
        const float x = row[static_cast<std::size_t>(a)], y = row[static_cast<std::size_t>(c)];
        return x > y || (x == y && a < c);
    };
    const auto keep_best = [&] {
        std::nth_element(scratch.begin(), scratch.begin() + static_cast<std::ptrdiff_t>(kept) - 1, scratch.end(),
                         before);
        scratch.resize(kept);
        return row[static_cast<std::size_t>(scratch.back())];
    };
    // Later entries of the same value lose the tie, so only those above the bar of what was seen so far can enter.
    constexpr std::size_t kRun = 2048;
    scratch.clear();
    float bar = kLowest;
    for (std::size_t begin = 0; begin < row.size(); begin += kRun) {
        collect_above(row, begin, std::min(begin + kRun, row.size()), bar, scratch);
        if (scratch.size() >= 2 * kept || (bar == kLowest && scratch.size() >= kept)) bar = keep_best();
    }
    keep_best();
    std::sort(scratch.begin(), scratch.end(), before);
    std::copy(scratch.begin(), scratch.end(), out.begin());
}

}  // namespace nepenthe::unlearn
