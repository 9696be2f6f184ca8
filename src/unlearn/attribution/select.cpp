#include "unlearn/attribution/select.h"

#include "base/error.h"
#include "dist/guard.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <map>

namespace nepenthe::unlearn {

namespace {

constexpr std::size_t kCounters = 65536;
constexpr std::uint32_t kInfinite = 0x7f800000;  // the bits of infinity; above them only NaN and negative numbers

using Counts = std::vector<std::int64_t>;

// Numbers that are not negative are ordered as their bits are.
std::uint32_t bits_of(float score) { return std::bit_cast<std::uint32_t>(score + 0.0f); }  // −0 is 0

// What a rank holds, and the collectives over it.
struct Shards {
    const dist::Comm& comm;
    const ParameterTable& table;
    std::span<const float> scores;
    std::span<const ShardRange> ranges;

    // visit(bits of the score, index) for each of this rank's weights with index in [begin, end).
    template <typename Visit>
    void for_each(std::int64_t begin, std::int64_t end, Visit visit) const {
        for (const ShardRange& range : ranges) {
            const std::int64_t from = std::max(range.index, begin), to = std::min(range.index + range.numel, end);
            if (from >= to) continue;
            const float* const first = scores.data() + (range.shard_begin + from - range.index);
            for (std::int64_t index = from; index < to; ++index) visit(bits_of(first[index - from]), index);
        }
    }
};

// The highest bucket of `counts` with which `wanted` weights are reached from above, and how many lie above it.
struct Bucket {
    std::size_t number = 0;
    std::int64_t above = 0;
};

Bucket bucket_from_above(std::span<const std::int64_t> counts, std::int64_t wanted) {
    std::int64_t above = 0;
    for (std::size_t number = counts.size(); number-- > 0;) {
        if (above + counts[number] >= wanted) return {number, above};
        above += counts[number];
    }
    fail(ErrorKind::kInternal, "{} weights are to be kept of {}", wanted, above);
}

// Collective. How many weights have which upper 16 bits.
Counts count_upper_halves(const Shards& shards) {
    Counts counts(kInfinite >> 16, 0);
    dist::run_agreed(shards.comm, "scores", [&] {
        for (const ShardRange& range : shards.ranges) {
            NEPENTHE_CHECK(range.shard_begin >= 0 && range.numel >= 0 &&
                           range.shard_begin + range.numel <= std::ssize(shards.scores));
        }
        shards.for_each(0, shards.table.numel(), [&](std::uint32_t bits, std::int64_t index) {
            if (bits >= kInfinite) {
                const CountedParameter& parameter = shards.table.holder(index);
                fail(ErrorKind::kData, "{}: the score of its weight {} is {}: its gradients are broken or out of range",
                     parameter.name, index - parameter.begin, std::bit_cast<float>(bits));
            }
            ++counts[bits >> 16];
        });
    });
    shards.comm.all_reduce_sum(counts);
    std::int64_t all = 0;
    for (const std::int64_t count : counts) all += count;
    NEPENTHE_CHECK(all == shards.table.numel());
    return counts;
}

// Collective. For each of these upper halves, how many of its weights have which lower half.
std::map<std::size_t, Counts> count_lower_halves(const Shards& shards, const std::vector<Bucket>& buckets) {
    std::map<std::size_t, Counts> counts;
    for (const Bucket& bucket : buckets) counts.try_emplace(bucket.number, kCounters, 0);
    std::vector<std::int64_t*> of_upper(kCounters, nullptr);
    for (auto& [upper, lower] : counts) of_upper[upper] = lower.data();
    shards.for_each(0, shards.table.numel(), [&](std::uint32_t bits, std::int64_t) {
        if (std::int64_t* const lower = of_upper[bits >> 16]) ++lower[bits & 0xffffu];
    });
    for (auto& [upper, lower] : counts) shards.comm.all_reduce_sum(lower);
    return counts;
}

// Collective. The index behind the `wanted`-th weight, in order of index, of this score: the range that holds it is cut
// into at most 65,536 pieces until one weight is left.
std::int64_t end_of_ties(const Shards& shards, std::uint32_t threshold, std::int64_t wanted) {
    std::int64_t begin = 0, end = shards.table.numel();
    while (end - begin > 1) {
        const auto most = static_cast<std::int64_t>(kCounters);
        const std::int64_t width = (end - begin + most - 1) / most;
        Counts counts(static_cast<std::size_t>((end - begin + width - 1) / width), 0);
        shards.for_each(begin, end, [&](std::uint32_t bits, std::int64_t index) {
            counts[static_cast<std::size_t>((index - begin) / width)] += bits == threshold;
        });
        shards.comm.all_reduce_sum(counts);
        std::size_t piece = 0;
        for (; counts.at(piece) < wanted; ++piece) wanted -= counts[piece];
        begin += static_cast<std::int64_t>(piece) * width;
        end = std::min(begin + width, end);
    }
    return end;
}

}  // namespace

std::int64_t kept_of_share(double share, std::int64_t weights) {
    if (!(share >= 0 && share <= 1)) fail(ErrorKind::kUsage, "a share of {} of the weights: it lies in 0 … 1", share);
    const double product = share * static_cast<double>(weights);
    const std::int64_t nearest = std::llround(product);
    // 0.29 · 100 is a little less than 29 in fp64.
    if (weights > 0 && static_cast<double>(nearest) / static_cast<double>(weights) == share) return nearest;
    return static_cast<std::int64_t>(std::floor(product));
}

std::vector<Cut> select(const dist::Comm& comm, const ParameterTable& table, std::span<const float> scores,
                        std::span<const ShardRange> ranges, std::span<const double> shares) {
    std::vector<Cut> cuts;
    for (const double share : shares) {
        cuts.push_back({.share = share,
                        .kept = kept_of_share(share, table.numel()),
                        .threshold = std::numeric_limits<float>::infinity()});
    }
    const Shards shards{comm, table, scores, ranges};
    const Counts upper = count_upper_halves(shards);
    std::vector<Bucket> buckets;
    for (const Cut& cut : cuts) {
        if (cut.kept > 0) buckets.push_back(bucket_from_above(upper, cut.kept));
    }
    const std::map<std::size_t, Counts> lower = count_lower_halves(shards, buckets);
    for (auto bucket = buckets.begin(); Cut & cut : cuts) {
        if (cut.kept == 0) continue;
        const Counts& counts = lower.at(bucket->number);
        const Bucket last = bucket_from_above(counts, cut.kept - bucket->above);
        const auto bits = static_cast<std::uint32_t>(bucket->number << 16 | last.number);
        cut.threshold = std::bit_cast<float>(bits);
        cut.ties = counts[last.number];
        cut.ties_kept = cut.kept - bucket->above - last.above;
        cut.ties_end = cut.ties_kept == cut.ties ? table.numel() : end_of_ties(shards, bits, cut.ties_kept);
        ++bucket;
    }
    return cuts;
}

}  // namespace nepenthe::unlearn
