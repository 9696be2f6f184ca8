#pragma once
// What positions should predict: one token each, or a distribution that names a few tokens and lumps all others.
//
// The loss of a row is w · (−Σ q_j log p_j − ρ log(1 − Σ p_j)), sums over its named tokens j: the cross-entropy of two
// distributions over these tokens and "any other". How the others share ρ among themselves is not asked for, so that a
// target known by its largest entries alone does not pull the tail down.

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

namespace nepenthe::train {

inline constexpr std::int64_t kIgnore = -100;
// A row that names several tokens and whose probabilities are theirs to this much, all differences added up, has no
// gradient: what fp32 leaves of it is rounding, of which AdamW makes steps as long as any.
inline constexpr double kAlike = 1e-5;

// Of one position. Probabilities and rest add up to one.
struct Distribution {
    std::vector<std::int64_t> ids;     // rising
    std::vector<float> probabilities;  // of these ids; 0 says that a token must not come
    float rest = 0;                    // of all other ids together
    float weight = 1;                  // of the position in loss and mean
};

// Of n positions, one behind the other.
struct Targets {
    at::Tensor offsets;        // [n + 1] int64: where each row's entries begin
    at::Tensor ids;            // [entries] int64, rising within a row
    at::Tensor probabilities;  // [entries] fp32
    at::Tensor rest;           // [n] fp32
    at::Tensor weights;        // [n] fp32
    bool soft = false;         // whether any row is more than one token

    // One token a row, of weight one. tokens: [n] int64.
    static Targets of_tokens(const at::Tensor& tokens);
    static Targets of(const std::vector<Distribution>& rows, at::Device device);

    std::int64_t size() const;
    // Rows [first, first + count); on the CPU without copies of the entries.
    Targets rows(std::int64_t first, std::int64_t count) const;
    // Row of every entry, [entries] int64.
    at::Tensor row_of_entry() const;
};

}  // namespace nepenthe::train
