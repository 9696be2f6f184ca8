#include "train/sample_order.h"

#include "base/error.h"
#include "base/random.h"

#include <algorithm>

namespace nepenthe::train {

SampleOrder::SampleOrder(std::uint64_t seed, std::int64_t n_samples) : seed_(seed), n_samples_(n_samples) {
    NEPENTHE_CHECK(n_samples > 0);
}

std::int64_t SampleOrder::at(std::int64_t position) {
    const std::int64_t epoch = position / n_samples_;
    if (epoch != epoch_) {
        permutation_ = random_permutation(static_cast<std::uint64_t>(n_samples_),
                                          RandomStream(seed_, "train.order", static_cast<std::uint64_t>(epoch)));
        epoch_ = epoch;
    }
    return static_cast<std::int64_t>(permutation_[static_cast<std::size_t>(position % n_samples_)]);
}

std::vector<Span> cut(Span whole, std::int64_t length) {
    std::vector<Span> spans;
    for (std::int64_t begin = whole.begin; begin < whole.end; begin += length) {
        spans.push_back({begin, std::min(begin + length, whole.end)});
    }
    return spans;
}

Span share_of(std::int64_t count, int rank, int ranks) { return {count * rank / ranks, count * (rank + 1) / ranks}; }

}  // namespace nepenthe::train
