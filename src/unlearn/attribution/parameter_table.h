#pragma once
// The weights of a model, counted: which parameters there are, in which order, and what each is for. Everything that
// selects weights speaks of them by these numbers, so that it says the same on any number of ranks.
//
// The order is that of model::tensor_specs, which is that of the forward pass; a weight's index is its place in it, row
// by row within a parameter. The flat buffers of training have another order and padding (train/flat_layout.h).

#include "base/json.h"
#include "model/decoder.h"
#include "train/flat_layout.h"

#include <cstdint>
#include <string>
#include <vector>

namespace nepenthe::unlearn {

struct CountedParameter {
    std::string name;  // as in the checkpoint
    std::vector<std::int64_t> shape;
    std::string module;       // what it is for: "q", "down", "norm" …; a bias is of its matrix's module
    std::int64_t layer = -1;  // -1: not of a layer
    std::int64_t begin = 0;   // index of its first weight
    std::int64_t numel = 0;

    std::int64_t end() const { return begin + numel; }
    bool operator==(const CountedParameter&) const = default;
};

struct ParameterTable {
    std::vector<CountedParameter> parameters;

    std::int64_t numel() const { return parameters.empty() ? 0 : parameters.back().end(); }
    // The parameter that holds the weight of this index.
    const CountedParameter& holder(std::int64_t index) const;

    Json to_json() const;  // [{name, shape, module, layer}, …]
    // Throws Error(kData), also where the sizes are beyond any file's.
    static ParameterTable from_json(const Json& value);
    bool operator==(const ParameterTable&) const = default;
};

ParameterTable parameter_table(const model::Decoder& decoder);

// A run of weights that follow one another in the model and in a rank's shard alike.
struct ShardRange {
    std::int64_t index = 0;        // of the first weight
    std::int64_t shard_begin = 0;  // its place in the shard
    std::int64_t numel = 0;
    bool operator==(const ShardRange&) const = default;
};

// What `rank` owns of the flat buffers, in the order of its shard. `layout` is of the same parameters.
std::vector<ShardRange> shard_ranges(const ParameterTable& table, const train::FlatLayout& layout, int rank);

}  // namespace nepenthe::unlearn
