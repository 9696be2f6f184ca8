#include "unlearn/attribution/parameter_table.h"

#include "base/error.h"
#include "base/json_whole.h"
#include "model/family/families.h"

#include <algorithm>
#include <limits>
#include <map>

namespace nepenthe::unlearn {

namespace {

// Appends, and counts.
void add(ParameterTable& table, CountedParameter parameter) {
    constexpr std::int64_t kMost = std::int64_t{1} << 48;  // of all weights together; sums stay in their type
    std::int64_t numel = 1;
    for (const std::int64_t length : parameter.shape) {
        if (length < 0 || (length > 0 && numel > kMost / length))
            fail(ErrorKind::kData, "{}: no parameter has this shape", parameter.name);
        numel *= length;
    }
    parameter.begin = table.numel();
    parameter.numel = numel;
    if (parameter.end() > kMost) fail(ErrorKind::kData, "{}: more weights than any model has", parameter.name);
    table.parameters.push_back(std::move(parameter));
}

}  // namespace

const CountedParameter& ParameterTable::holder(std::int64_t index) const {
    NEPENTHE_CHECK(index >= 0 && index < numel());
    return *std::prev(std::upper_bound(parameters.begin(), parameters.end(), index,
                                       [](std::int64_t at, const CountedParameter& p) { return at < p.begin; }));
}

Json ParameterTable::to_json() const {
    Json rows = Json::array();
    for (const CountedParameter& parameter : parameters) {
        rows.push_back({{"name", parameter.name},
                        {"shape", parameter.shape},
                        {"module", parameter.module},
                        {"layer", parameter.layer}});
    }
    return rows;
}

ParameterTable ParameterTable::from_json(const Json& value) {
    ParameterTable table;
    try {
        for (const Json& row : value) {
            CountedParameter parameter;
            row.at("name").get_to(parameter.name);
            row.at("module").get_to(parameter.module);
            parameter.layer = json_whole<std::int64_t>(row.at("layer"));
            for (const Json& length : row.at("shape")) parameter.shape.push_back(json_whole<std::int64_t>(length));
            add(table, std::move(parameter));
        }
    } catch (const Json::exception& error) {
        fail(ErrorKind::kData, "the table of parameters cannot be read: {}", error.what());
    }
    return table;
}

ParameterTable parameter_table(const model::Decoder& decoder) {
    ParameterTable table;
    // In the same order; names may lack the family's prefix in the checkpoint.
    const std::vector<model::TensorSpec> specs = model::tensor_specs(decoder.config());
    for (std::size_t i = 0; const auto& [name, tensor] : decoder.parameters()) {
        const model::TensorSpec& spec = specs.at(i++);
        add(table, {name, tensor.sizes().vec(), std::string(model::module_of(spec.role)), spec.layer});
    }
    return table;
}

std::vector<ShardRange> shard_ranges(const ParameterTable& table, const train::FlatLayout& layout, int rank) {
    std::map<std::string, std::int64_t> begin;
    for (const CountedParameter& parameter : table.parameters) begin[parameter.name] = parameter.begin;
    NEPENTHE_CHECK(layout.parameters.size() == begin.size());
    std::vector<ShardRange> ranges;
    for (std::size_t bucket = 0; bucket < layout.buckets.size(); ++bucket) {
        for (const train::FlatRange& range : train::owned_ranges(layout, bucket, rank)) {
            const std::int64_t first = begin.at(layout.parameters[range.parameter].name);
            ranges.push_back({first + range.parameter_begin, range.shard_begin, range.numel});
        }
    }
    return ranges;
}

}  // namespace nepenthe::unlearn
