#include "evaluate/perplexity_windows.h"

#include "base/error.h"

#include <algorithm>

namespace nepenthe::evaluate {

std::vector<model::ScoreRequest> rolling_windows(std::span<const text::TokenId> ids, text::TokenId prefix,
                                                 std::int64_t window) {
    NEPENTHE_CHECK(window > 0);
    std::vector<model::ScoreRequest> requests;
    const auto size = static_cast<std::size_t>(window);
    if (ids.empty()) return requests;
    const std::span<const text::TokenId> head = ids.first(std::min(size, ids.size()));
    requests.push_back({{prefix}, 1});
    requests.back().ids.insert(requests.back().ids.end(), head.begin(), head.end());
    for (std::size_t predicted = head.size(); predicted < ids.size();) {
        const std::size_t count = std::min(size, ids.size() - predicted), end = predicted + count;
        const std::span<const text::TokenId> piece = ids.subspan(end - size - 1, size + 1);
        requests.push_back({{piece.begin(), piece.end()}, size + 1 - count});
        predicted = end;
    }
    return requests;
}

std::vector<model::ScoreRequest> fixed_windows(std::span<const text::TokenId> ids, std::int64_t window) {
    NEPENTHE_CHECK(window > 1);
    if (ids.size() < 2) fail(ErrorKind::kData, "a text of {} tokens has nothing to predict", ids.size());
    const std::size_t size = std::min(static_cast<std::size_t>(window), ids.size());
    std::vector<model::ScoreRequest> requests;
    for (std::size_t begin = 0; begin + size <= ids.size(); begin += size) {
        const std::span<const text::TokenId> piece = ids.subspan(begin, size);
        requests.push_back({{piece.begin(), piece.end()}, 1});
    }
    return requests;
}

}  // namespace nepenthe::evaluate
