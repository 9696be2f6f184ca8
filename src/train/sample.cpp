#include "train/sample.h"

namespace nepenthe::train {

Sample causal_sample(const std::vector<text::TokenId>& ids) {
    Sample sample{ids, std::vector<std::int64_t>(ids.size(), kIgnore)};
    for (std::size_t t = 0; t + 1 < ids.size(); ++t) sample.labels[t] = ids[t + 1];
    return sample;
}

}  // namespace nepenthe::train
