#pragma once
// What tells one family of decoders from another: how its config.json is read into a DecoderConfig, and what its
// tensors are called. Nothing else in the module asks for a family's name.

#include "base/error.h"
#include "model/config.h"

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace nepenthe::model {

// What a tensor is for. Biases follow their weights.
enum class Role {
    kEmbedding,
    kPositions,
    kFinalNorm,
    kFinalNormBias,
    kHead,
    kHeadBias,
    // per layer
    kAttentionNorm,
    kAttentionNormBias,
    kAttentionPostNorm,
    kMlpNorm,
    kMlpNormBias,
    kMlpPostNorm,
    kQuery,
    kQueryBias,
    kKey,
    kKeyBias,
    kValue,
    kValueBias,
    kQkv,
    kQkvBias,
    kQueryNorm,
    kKeyNorm,
    kAttentionOutput,
    kAttentionOutputBias,
    kGate,
    kGateBias,
    kUp,
    kUpBias,
    kDown,
    kDownBias,
};

// How query, key and value lie in the checkpoint.
enum class QkvLayout {
    kSeparate,      // three matrices
    kConcatenated,  // one matrix: all queries, all keys, all values (GPT-2)
    kInterleaved,   // one matrix: per head its query, key, value (GPT-NeoX)
};

struct NamePattern {
    Role role;
    std::string_view name;  // "{}" stands for the layer
};

struct Family {
    std::string_view name;  // model_type
    void (*read)(const Json& json, DecoderConfig& config, Problems& problems);
    std::string_view prefix;  // of every name but the head's; absent in checkpoints of the bare trunk
    std::span<const NamePattern> names;
    QkvLayout qkv = QkvLayout::kSeparate;
    bool transposed = false;  // projections are stored [in, out] (GPT-2's Conv1D)
};

// nullptr for a family that is not known.
const Family* find_family(std::string_view model_type);
std::span<const Family> all_families();

// One tensor that a model of this configuration has.
struct TensorSpec {
    std::string name;
    std::vector<std::int64_t> shape;
    Role role = Role::kEmbedding;
    std::int64_t layer = -1;  // -1: not of a layer
    bool transposed = false;  // stored [in, out]
};
// All tensors in a fixed order: embeddings, layers, final norm, head; with the family's prefix, or another one.
std::vector<TensorSpec> tensor_specs(const DecoderConfig& config);
std::vector<TensorSpec> tensor_specs(const DecoderConfig& config, std::string_view prefix);

// Buffers that older checkpoints store and nobody needs: causal masks, rotary frequencies.
bool is_ignored_buffer(std::string_view name);

}  // namespace nepenthe::model
