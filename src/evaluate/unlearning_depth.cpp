#include "evaluate/unlearning_depth.h"

#include "base/error.h"

#include <algorithm>
#include <cstddef>

namespace nepenthe::evaluate {

std::optional<double> share_gone(double retrained, double own) {
    if (!(retrained > kKnowledgeThreshold)) return std::nullopt;
    return std::clamp(own / retrained, 0.0, 1.0);
}

std::optional<double> unlearning_depth(std::span<const double> retrained, std::span<const double> own) {
    NEPENTHE_CHECK(retrained.size() == own.size());
    double gone = 0, all = 0;
    for (std::size_t layer = 0; layer < own.size(); ++layer) {
        const auto share = share_gone(retrained[layer], own[layer]);
        if (!share) continue;
        gone += retrained[layer] * *share;
        all += retrained[layer];
    }
    if (all == 0) return std::nullopt;
    return gone / all;
}

}  // namespace nepenthe::evaluate
