#include "train/flat_layout.h"

#include "base/error.h"
#include "base/json_whole.h"

#include <algorithm>

namespace nepenthe::train {

namespace {

std::int64_t round_up(std::int64_t value, std::int64_t multiple) {
    return (value + multiple - 1) / multiple * multiple;
}

// Closes the bucket that holds every parameter not yet in one.
void close_bucket(FlatLayout& layout) {
    FlatBucket bucket;
    if (!layout.buckets.empty()) {
        const FlatBucket& last = layout.buckets.back();
        bucket.first_parameter = last.first_parameter + last.parameters;
    }
    bucket.parameters = layout.parameters.size() - bucket.first_parameter;
    if (bucket.parameters == 0) {
        return;
    }
    bucket.begin = layout.parameters[bucket.first_parameter].offset;
    bucket.end = bucket.begin + round_up(layout.numel - bucket.begin, layout.ranks * kAlignment);
    layout.numel = bucket.end;
    layout.buckets.push_back(bucket);
}

[[noreturn]] void contradiction(const std::string& what) {
    fail(ErrorKind::kData, "the parameter layout contradicts itself: {}", what);
}

// Every claim of a layout that was read from outside. Stops at the first that is wrong: what follows counts on it.
void check_layout(const FlatLayout& layout) {
    std::int64_t at = 0, end = 0;
    std::size_t next = 0;
    for (const FlatBucket& bucket : layout.buckets) {
        if (bucket.begin != at || bucket.end <= bucket.begin || bucket.numel() % layout.ranks != 0)
            contradiction(fmt::format("bucket at {} does not continue the one before", bucket.begin));
        if (bucket.parameters > layout.parameters.size() - next)
            contradiction(fmt::format("bucket at {} holds more parameters than there are", bucket.begin));
        for (const std::size_t last = next + bucket.parameters; next < last; ++next) {
            const FlatParameter& parameter = layout.parameters[next];
            if (parameter.offset < std::max(end, bucket.begin) || parameter.offset > bucket.end ||
                parameter.numel < 0 || parameter.numel > bucket.end - parameter.offset)
                contradiction(
                    fmt::format("{} lies at [{}, {} more)", parameter.name, parameter.offset, parameter.numel));
            end = parameter.offset + parameter.numel;
        }
        at = bucket.end;
    }
    if (at != layout.numel || next != layout.parameters.size())
        contradiction(fmt::format("buckets cover {} elements of {} and {} parameters of {}", at, layout.numel, next,
                                  layout.parameters.size()));
}

}  // namespace

std::int64_t FlatLayout::slice_begin(std::size_t bucket, int rank) const {
    return buckets[bucket].begin + rank * slice_numel(bucket);
}

FlatLayout make_layout(const std::vector<ParameterShape>& forward_order, std::int64_t bucket_numel, int ranks) {
    FlatLayout layout;
    layout.ranks = ranks;
    std::int64_t in_bucket = 0;
    for (auto shape = forward_order.rbegin(); shape != forward_order.rend(); ++shape) {
        if (in_bucket > 0 && in_bucket + shape->numel > bucket_numel) {
            close_bucket(layout);
            in_bucket = 0;
        }
        const std::int64_t offset = round_up(layout.numel, kAlignment);
        layout.parameters.push_back({shape->name, offset, shape->numel, shape->decays});
        layout.numel = offset + shape->numel;
        in_bucket += shape->numel;
    }
    close_bucket(layout);
    return layout;
}

Json FlatLayout::to_json() const {
    Json value = {{"ranks", ranks}, {"numel", numel}, {"parameters", Json::array()}, {"buckets", Json::array()}};
    for (const FlatParameter& parameter : parameters) {
        value["parameters"].push_back({{"name", parameter.name},
                                       {"offset", parameter.offset},
                                       {"numel", parameter.numel},
                                       {"decays", parameter.decays}});
    }
    for (const FlatBucket& bucket : buckets) {
        value["buckets"].push_back({{"begin", bucket.begin}, {"end", bucket.end}, {"parameters", bucket.parameters}});
    }
    return value;
}

FlatLayout FlatLayout::from_json(const Json& value) {
    FlatLayout layout;
    try {
        // Of any run; what is read from outside is walked rank by rank.
        constexpr std::int64_t kMostRanks = 1 << 20;
        const auto ranks = json_whole<std::int64_t>(value.at("ranks"));
        if (ranks < 1 || ranks > kMostRanks) contradiction(fmt::format("ranks is {}", ranks));
        layout.ranks = static_cast<int>(ranks);
        layout.numel = json_whole<std::int64_t>(value.at("numel"));
        for (const Json& item : value.at("parameters")) {
            layout.parameters.push_back({item.at("name").get<std::string>(),
                                         json_whole<std::int64_t>(item.at("offset")),
                                         json_whole<std::int64_t>(item.at("numel")), item.at("decays").get<bool>()});
        }
        std::size_t first = 0;
        for (const Json& item : value.at("buckets")) {
            const auto count = json_whole<std::size_t>(item.at("parameters"));
            layout.buckets.push_back(
                {json_whole<std::int64_t>(item.at("begin")), json_whole<std::int64_t>(item.at("end")), first, count});
            first += count;
        }
    } catch (const Json::exception& error) {
        fail(ErrorKind::kData, "the parameter layout cannot be read: {}", error.what());
    }
    check_layout(layout);
    return layout;
}

std::vector<FlatRange> owned_ranges(const FlatLayout& layout, std::size_t bucket, int rank) {
    const FlatBucket& whole = layout.buckets[bucket];
    const std::int64_t begin = layout.slice_begin(bucket, rank), end = begin + layout.slice_numel(bucket);
    std::vector<FlatRange> ranges;
    for (std::size_t i = whole.first_parameter; i < whole.first_parameter + whole.parameters; ++i) {
        const FlatParameter& parameter = layout.parameters[i];
        const std::int64_t from = std::max(begin, parameter.offset);
        const std::int64_t to = std::min(end, parameter.offset + parameter.numel);
        if (from < to) {
            ranges.push_back({i, from - parameter.offset, layout.shard_offset(bucket) + from - begin, from, to - from});
        }
    }
    return ranges;
}

}  // namespace nepenthe::train
