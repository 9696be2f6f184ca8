#pragma once
// Which weights stay trainable: of all N the k = ⌊ρN⌋ of the highest score, in one ranking over all parameters. Equal
// scores are ranked by the weight's index (attribution/parameter_table.h): the smaller one is chosen first. No rank
// holds more than its own scores, and nothing is sorted.

#include "dist/comm.h"
#include "unlearn/attribution/parameter_table.h"

#include <cstdint>
#include <span>
#include <vector>

namespace nepenthe::unlearn {

// Where the ranking is cut: what is above the threshold is kept, and of what is at it the weights before `ties_end`.
struct Cut {
    double share = 0;            // ρ, as asked
    std::int64_t kept = 0;       // k
    float threshold = 0;         // the lowest score that is kept; infinite where none is
    std::int64_t ties = 0;       // weights at the threshold …
    std::int64_t ties_kept = 0;  // … and how many of them are kept
    std::int64_t ties_end = 0;   // an index

    bool keeps(float score, std::int64_t index) const {
        return score > threshold || (score == threshold && index < ties_end);
    }
    bool operator==(const Cut&) const = default;
};

// k of N weights: ⌊ρN⌋, where ρ is taken for k/N if that is how the fraction is written as a double (0.29 of 100 are
// 29). Throws Error(kUsage) for a share outside 0 … 1.
std::int64_t kept_of_share(double share, std::int64_t weights);

// Collective. One cut for each of `shares`, the same on all ranks, whatever their number. `scores` are this rank's
// shard, which holds `ranges`; all ranks' ranges together are every weight of `table` once. Two passes over the scores
// count them by their bit patterns, and two or three more the weights that are tied. Throws Error(kUsage) for a share
// outside 0 … 1, and Error(kData) for a score that is negative, infinite or no number, with its parameter's name.
std::vector<Cut> select(const dist::Comm& comm, const ParameterTable& table, std::span<const float> scores,
                        std::span<const ShardRange> ranges, std::span<const double> shares);

}  // namespace nepenthe::unlearn
