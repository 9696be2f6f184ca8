#include "kernels/lane_softmax.h"

#include "kernels/vector_math.h"

#include <algorithm>
#include <cmath>

namespace nepenthe::kernels {

namespace {

void weigh_by_reference(float* logits, std::int64_t ids, float cap, float* maximum, float* factor, float* sum) {
    for (std::int64_t l = 0; l < kLaneBlock; ++l) {
        const double before = static_cast<double>(maximum[l]);
        for (std::int64_t v = 0; v < ids; ++v) maximum[l] = std::max(maximum[l], logits[v * kLaneBlock + l]);
        const double most = static_cast<double>(maximum[l]);
        factor[l] = static_cast<float>(std::exp(before - most));
        double total = 0;
        for (std::int64_t v = 0; v < ids; ++v) {
            float& logit = logits[v * kLaneBlock + l];
            const double share = cap > 0.0f ? static_cast<double>(logit) / static_cast<double>(cap) : 0.0;
            const double weight = std::exp(static_cast<double>(logit) - most);
            total += weight;
            logit = static_cast<float>(weight * (1.0 - share * share));
        }
        sum[l] = static_cast<float>(total);
    }
}

NEPENTHE_ALWAYS_INLINE void weigh_in_lanes(float* logits, std::int64_t ids, float cap, float* maximum, float* factor,
                                           float* sum) {
    float most[kLaneBlock], total[kLaneBlock] = {};
    std::copy_n(maximum, kLaneBlock, most);
    for (std::int64_t v = 0; v < ids; ++v) {
        const float* row = logits + v * kLaneBlock;
        for (std::int64_t l = 0; l < kLaneBlock; ++l) most[l] = row[l] > most[l] ? row[l] : most[l];
    }
    for (std::int64_t l = 0; l < kLaneBlock; ++l) factor[l] = exp_of_non_positive(maximum[l] - most[l]);
    const float inverse = cap > 0.0f ? 1.0f / cap : 0.0f;
    for (std::int64_t v = 0; v < ids; ++v) {
        float* row = logits + v * kLaneBlock;
        for (std::int64_t l = 0; l < kLaneBlock; ++l) {
            const float share = row[l] * inverse, weight = fast_exp(row[l] - most[l]);
            total[l] += weight;
            row[l] = weight * (1.0f - share * share);
        }
    }
    std::copy_n(most, kLaneBlock, maximum);
    std::copy_n(total, kLaneBlock, sum);
}

}  // namespace

void weigh_strip(float* logits, std::int64_t ids, float cap, float* maximum, float* factor, float* sum, Path path) {
    if (path == Path::kReference) return weigh_by_reference(logits, ids, cap, maximum, factor, sum);
    with_instruction_set(path, [=]() NEPENTHE_INLINED { weigh_in_lanes(logits, ids, cap, maximum, factor, sum); });
}

}  // namespace nepenthe::kernels
