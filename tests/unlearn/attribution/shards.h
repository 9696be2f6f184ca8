#pragma once
// A small model's weights, dealt to ranks as training deals them, for tests of masks.

#include "mpi_world.h"
#include "train/flat_layout.h"
#include "unlearn/attribution/parameter_table.h"

#include <functional>
#include <string>
#include <vector>

namespace nepenthe::unlearn {

// Odd sizes: one weight, none that is a multiple of eight, several buckets.
inline ParameterTable small_table() {
    return ParameterTable::from_json(
        Json::array({{{"name", "embed.weight"}, {"shape", {37, 11}}, {"module", "embedding"}, {"layer", -1}},
                     {{"name", "layers.0.q.weight"}, {"shape", {29, 11}}, {"module", "q"}, {"layer", 0}},
                     {{"name", "layers.0.norm.weight"}, {"shape", {11}}, {"module", "norm"}, {"layer", 0}},
                     {{"name", "layers.1.q.weight"}, {"shape", {29, 11}}, {"module", "q"}, {"layer", 1}},
                     {{"name", "layers.1.down.weight"}, {"shape", {11, 53}}, {"module", "down"}, {"layer", 1}},
                     {{"name", "scale"}, {"shape", {1}}, {"module", "norm"}, {"layer", -1}}}));
}

struct Shard {
    std::vector<ShardRange> ranges;
    std::vector<float> scores;
};

// This rank's part of scores that are given by index.
inline Shard shard_of(const ParameterTable& table, const dist::Comm& comm,
                      const std::function<float(std::int64_t)>& score_of) {
    std::vector<train::ParameterShape> shapes;
    for (const CountedParameter& parameter : table.parameters) shapes.push_back({parameter.name, parameter.numel});
    const train::FlatLayout layout = train::make_layout(shapes, 500, comm.size());
    Shard shard{shard_ranges(table, layout, comm.rank()), {}};
    // Padding must not count, whatever it holds.
    shard.scores.assign(static_cast<std::size_t>(layout.shard_numel()), 1e30f);
    for (const ShardRange& range : shard.ranges) {
        for (std::int64_t i = 0; i < range.numel; ++i)
            shard.scores[static_cast<std::size_t>(range.shard_begin + i)] = score_of(range.index + i);
    }
    return shard;
}

}  // namespace nepenthe::unlearn
