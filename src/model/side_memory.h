#pragma once
// A side memory (WISE, arXiv 2405.14768): alternatives of one layer's second MLP matrix that answer prompts which they
// were edited for, while every other prompt meets the model as it was. specs: editing.md §8.
//
// Which memory answers is decided once a sequence, by its prompt, in the first pass; a KV cache keeps the decision for
// the tokens that follow. Sequences of a batch do not see one another, and padding counts for nothing.

#include "model/decoder.h"
#include "model/family/config.h"
#include "model/weights.h"

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace nepenthe::model {

// How far an alternative W' is from W at a token with key k and outputs y' = W'k, y = Wk.
enum class SideDistance {
    kLinear,     // ‖y' − y‖: the paper's
    kActivated,  // ‖φ(y') − φ(y)‖ with the model's activation function: the published code's
};

// How the distances of a prompt's tokens become one.
enum class SidePooling {
    kMean,       // over all tokens but the very first, whose key is huge and the same for every text (unless alone)
    kPublished,  // over all tokens; the largest distance where there are more than 100
};

struct SideMemory {
    struct Alternative {
        at::Tensor weight;     // as the checkpoint stores the matrix, in the decoder's compute dtype
        double threshold = 0;  // in units of the distance
    };
    std::int64_t layer = 0;
    std::vector<Alternative> alternatives;  // of those whose threshold · ratio is reached, the most distant answers
    double ratio = 0.88;                    // published act_ratio
    SideDistance distance = SideDistance::kLinear;
    SidePooling pooling = SidePooling::kMean;
    Json source;  // how it was made: method, options, facts; kept in the description
};

// Tokens' distances, [batch, position, hidden] twice → [batch, position] fp32; differentiable, with gradient 0 where
// the outputs are equal.
at::Tensor token_distances(const DecoderConfig& config, SideDistance distance, const at::Tensor& alternative,
                           const at::Tensor& main);
// A sequence's distance: [batch, position] over the tokens in `mask` (bool) → [batch].
at::Tensor pooled_distances(SidePooling pooling, const at::Tensor& distances, const at::Tensor& mask);

// What the second MLP matrix or an alternative writes, and which: 0 = the matrix itself, i = alternatives[i − 1]. `key`
// is [batch, position, intermediate]; rows that no alternative answers are what the matrix alone gives, bit for bit.
at::Tensor routed_output(const DecoderConfig& config, const SideMemory& memory, const Projection& main,
                         const at::Tensor& key, const Context& context);

// Throws Error(kData) that lists what does not fit a decoder with so many layers whose matrix is `main`.
void check_side_memory(const SideMemory& memory, std::int64_t layers, const at::Tensor& main);

// The files beside a model's own: weights in fp32 as "alternative.0" …, and a JSON description.
inline constexpr const char* kSideMemoryWeights = "side_memory.safetensors";
inline constexpr const char* kSideMemoryDescription = "side_memory.json";
// The description as it is saved: everything but the weights.
Json describe_side_memory(const SideMemory& memory);
bool is_side_memory_file(const std::string& name);
bool holds_side_memory(const std::filesystem::path& folder);
SideMemory load_side_memory(const std::filesystem::path& folder, at::ScalarType dtype, at::Device device);
// Writes both into an existing, unpublished folder.
void save_side_memory(const SideMemory& memory, const std::filesystem::path& folder);

}  // namespace nepenthe::model
