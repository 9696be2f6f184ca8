#include "pipelines/layers.h"

#include <charconv>
#include <optional>

namespace nepenthe::pipelines {

namespace {

constexpr std::int64_t kLargest = 100000;  // of any model; keeps a typo from filling the memory

std::optional<std::int64_t> number(std::string_view text) {
    std::int64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size() || value < 0 || value > kLargest) return std::nullopt;
    return value;
}

}  // namespace

std::vector<std::int64_t> layer_numbers(const std::vector<std::string>& words, Problems& problems,
                                        const std::string& option) {
    std::vector<std::int64_t> layers;
    for (const std::string& word : words) {
        const std::size_t dash = word.find('-');
        const auto first = number(std::string_view(word).substr(0, dash));
        const auto last = dash == std::string::npos ? first : number(std::string_view(word).substr(dash + 1));
        if (!first || !last || *last < *first) {
            problems.add("{}: \"{}\" is neither a layer number nor a range like 4-8", option, word);
            continue;
        }
        for (std::int64_t layer = *first; layer <= *last; ++layer) layers.push_back(layer);
    }
    return layers;
}

}  // namespace nepenthe::pipelines
