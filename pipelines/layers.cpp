#include "pipelines/layers.h"

#include "base/number.h"

#include <fmt/format.h>

#include <string_view>

namespace nepenthe::pipelines {

std::vector<std::int64_t> layer_numbers(const std::string& word) {
    constexpr std::int64_t kLargest = 100000;  // of any model; keeps a typo from filling the memory
    const std::size_t dash = word.find('-');
    const auto first = parse_integer(std::string_view(word).substr(0, dash));
    const auto last = dash == std::string::npos ? first : parse_integer(std::string_view(word).substr(dash + 1));
    if (!first || !last || *first < 0 || *last < *first || *last > kLargest)
        throw fmt::format("\"{}\" is neither a layer number nor a range like 4-8", word);
    std::vector<std::int64_t> layers;
    for (std::int64_t layer = *first; layer <= *last; ++layer) layers.push_back(layer);
    return layers;
}

}  // namespace nepenthe::pipelines
