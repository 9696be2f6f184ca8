#pragma once
// Random numbers that are a pure function of (seed, stage, id): never of the rank, the thread, or what was drawn
// before elsewhere. Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011).

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

namespace nepenthe {

// One stream of numbers. Two streams with different (seed, stage, id) are independent.
class RandomStream {
  public:
    // `stage` names what the numbers are for ("relabel.translation"), `id` the block, sample or item.
    RandomStream(std::uint64_t seed, std::string_view stage, std::uint64_t id);

    std::uint32_t next_u32();
    std::uint64_t next_u64();
    // Uniform in [0, 1), 53 bits.
    double uniform();
    // Standard normal, Box-Muller.
    double normal();
    // Uniform in [0, bound) without modulo bias; bound > 0.
    std::uint64_t below(std::uint64_t bound);

  private:
    std::array<std::uint32_t, 2> key_;
    std::array<std::uint32_t, 4> counter_;
    std::array<std::uint32_t, 4> block_{};
    int used_ = 4;
};

// The raw generator, for tests against the published vectors.
std::array<std::uint32_t, 4> philox4x32_10(std::array<std::uint32_t, 4> counter, std::array<std::uint32_t, 2> key);

// A permutation of 0 … n-1 drawn from the stream (Fisher-Yates).
std::vector<std::uint64_t> random_permutation(std::uint64_t n, RandomStream stream);

}  // namespace nepenthe
