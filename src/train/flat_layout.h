#pragma once
// Where each parameter lies in the flat buffers of weights, gradients and optimizer state, and which slice of them each
// rank owns. The layout is data: it is stored in checkpoints, so that another number of ranks can read them.
//
// Parameters follow each other in the reverse of the forward order, which is roughly the order in which the backward
// pass finishes them. They are grouped into buckets; a bucket is what one collective moves, and rank r owns its r-th
// equal slice (Rajbhandari et al., "ZeRO", 2020, stage 1).

#include "base/json.h"

#include <cstdint>
#include <string>
#include <vector>

namespace nepenthe::train {

inline constexpr std::int64_t kAlignment = 64;  // elements: parameters and shards start at cache lines in any dtype

struct FlatParameter {
    std::string name;
    std::int64_t offset = 0;  // elements from the start of the flat buffer
    std::int64_t numel = 0;
    bool decays = true;  // weight decay applies: matrices do, biases and norms do not

    bool operator==(const FlatParameter&) const = default;
};

struct FlatBucket {
    std::int64_t begin = 0, end = 0;                  // elements; the length is a multiple of ranks * kAlignment
    std::size_t first_parameter = 0, parameters = 0;  // a contiguous run of FlatLayout::parameters

    std::int64_t numel() const { return end - begin; }
    bool operator==(const FlatBucket&) const = default;
};

struct FlatLayout {
    int ranks = 1;
    std::int64_t numel = 0;  // of the flat buffer, padding included
    std::vector<FlatParameter> parameters;
    std::vector<FlatBucket> buckets;

    // Elements that each rank owns.
    std::int64_t shard_numel() const { return numel / ranks; }
    // Rank `rank`'s slice of bucket `bucket` starts here in the flat buffer …
    std::int64_t slice_begin(std::size_t bucket, int rank) const;
    std::int64_t slice_numel(std::size_t bucket) const { return buckets[bucket].numel() / ranks; }
    // … and here in the rank's shard, which is the row of its slices in bucket order.
    std::int64_t shard_offset(std::size_t bucket) const { return buckets[bucket].begin / ranks; }

    Json to_json() const;
    // Throws Error(kData) when the value does not describe a layout.
    static FlatLayout from_json(const Json& value);
    bool operator==(const FlatLayout&) const = default;
};

struct ParameterShape {
    std::string name;
    std::int64_t numel = 0;
    bool decays = true;
};

// `forward_order`: the parameters as the forward pass meets them. A bucket is closed once it holds `bucket_numel`
// elements; a larger parameter has a bucket of its own.
FlatLayout make_layout(const std::vector<ParameterShape>& forward_order, std::int64_t bucket_numel, int ranks);

// A run of elements that belong to one parameter and to one slice.
struct FlatRange {
    std::size_t parameter = 0;
    std::int64_t parameter_begin = 0;  // within the parameter
    std::int64_t shard_begin = 0;      // within the rank's shard
    std::int64_t flat_begin = 0;       // within the flat buffer
    std::int64_t numel = 0;
};

// The parameter elements that `rank` owns within one bucket, in order; padding is left out.
std::vector<FlatRange> owned_ranges(const FlatLayout& layout, std::size_t bucket, int rank);

}  // namespace nepenthe::train
