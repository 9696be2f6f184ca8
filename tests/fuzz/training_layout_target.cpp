#include "base/json.h"
#include "fuzz/target.h"
#include "train/flat_layout.h"

using namespace nepenthe;

// Where a training checkpoint says that its parameters lie.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    train::FlatLayout layout;
    if (!fuzz::accepted([&] { layout = train::FlatLayout::from_json(parse_json(fuzz::as_text(data, size), "input")); }))
        return 0;
    std::vector<std::int64_t> covered(layout.parameters.size());
    for (int rank = 0; rank < layout.ranks; ++rank) {
        for (std::size_t bucket = 0; bucket < layout.buckets.size(); ++bucket) {
            for (const train::FlatRange& range : train::owned_ranges(layout, bucket, rank)) {
                const std::int64_t numel = layout.parameters.at(range.parameter).numel;
                fuzz::require(
                    range.numel > 0 && range.parameter_begin >= 0 && range.parameter_begin <= numel - range.numel,
                    "a range lies in its parameter");
                fuzz::require(range.shard_begin >= 0 && range.shard_begin <= layout.shard_numel() - range.numel,
                              "a range lies in its shard");
                covered[range.parameter] += range.numel;
            }
        }
    }
    for (std::size_t i = 0; i < covered.size(); ++i)
        fuzz::require(covered[i] == layout.parameters[i].numel, "every element is somebody's");
    fuzz::require(train::FlatLayout::from_json(layout.to_json()) == layout, "a layout comes back");
    return 0;
}
