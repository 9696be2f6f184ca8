#pragma once
// Which samples a step sees, and which rank computes them: pure functions of (seed, number of samples, step), so that a
// run may be continued on any number of ranks.

#include <cstdint>
#include <vector>

namespace nepenthe::train {

// An endless sequence of samples: epoch after epoch, each a permutation keyed by (seed, epoch).
class SampleOrder {
  public:
    SampleOrder(std::uint64_t seed, std::int64_t n_samples);
    // Sample at a position counted from the start of training.
    std::int64_t at(std::int64_t position);

  private:
    std::uint64_t seed_;
    std::int64_t n_samples_, epoch_ = -1;
    std::vector<std::uint64_t> permutation_;  // of epoch_
};

// Positions [begin, end) of the sample order.
struct Span {
    std::int64_t begin = 0, end = 0;
    std::int64_t size() const { return end - begin; }
};

// Cuts `whole` into spans of `length`; the last one may be shorter.
std::vector<Span> cut(Span whole, std::int64_t length);

// The contiguous share of `count` items that rank `rank` of `ranks` computes; empty where there are fewer items than
// ranks.
Span share_of(std::int64_t count, int rank, int ranks);

}  // namespace nepenthe::train
