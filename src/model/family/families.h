#pragma once
// What tells one family of decoders from another: how its config.json is read into a DecoderConfig, and what its
// tensors are called. Nothing else in the module asks for a family's name.

#include "base/error.h"
#include "model/family/config.h"

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace nepenthe::model {

// What a tensor is for. Biases follow their weights.
enum class Role {
    kEmbedding,
    kEmbeddingNorm,
    kEmbeddingNormBias,
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
    kQueryNormBias,
    kKeyNorm,
    kKeyNormBias,
    kAttentionOutput,
    kAttentionOutputBias,
    kGate,
    kGateBias,
    kUp,
    kUpBias,
    kGateUp,
    kActivationPositive,  // xIELU's two weights
    kActivationNegative,
    kDown,
    kDownBias,
};

struct NamePattern {
    Role role = Role::kEmbedding;
    std::string_view name;  // the first "{}" stands for the layer, a second one for the head
    // Where a family has more than one name for a role: which configurations this one is for.
    bool (*applies)(const DecoderConfig& config) = nullptr;
};

struct Family {
    std::string_view name;  // model_type
    void (*read)(const Json& json, DecoderConfig& config, Problems& problems);
    std::string_view prefix;             // of every name but the head's; absent in checkpoints of the bare trunk
    std::span<const NamePattern> names;  // also of tensors that only some configurations have
    bool transposed = false;             // projections are stored [in, out] (GPT-2's Conv1D)
};

// nullptr for a family that is not known.
const Family* find_family(std::string_view model_type);
const std::vector<Family>& all_families();

// Families by kin, each in a file of its own: readers, names and rows.
std::span<const Family> gpt_families();
std::span<const Family> llama_families();
std::span<const Family> layer_norm_families();
std::span<const Family> olmo_families();
std::span<const Family> fused_families();
std::span<const Family> gemma_families();
std::span<const Family> alibi_families();

// The module that a tensor belongs to, as files and options call it: "embedding", "positions", "norm", "head", "q",
// "k", "v", "qkv", "o", "gate", "up", "gate_up", "down", "activation". A bias is of its matrix's.
std::string_view module_of(Role role);
const std::vector<std::string>& module_names();

// One tensor that a model of this configuration has.
struct TensorSpec {
    std::string name;
    std::vector<std::int64_t> shape;
    Role role = Role::kEmbedding;
    std::int64_t layer = -1;  // -1: not of a layer
    std::int64_t head = -1;   // -1: not of a single head
    bool transposed = false;  // stored [in, out]
};
// All tensors in a fixed order: embeddings, layers, final norm, head; with the family's prefix, or another one.
std::vector<TensorSpec> tensor_specs(const DecoderConfig& config);
std::vector<TensorSpec> tensor_specs(const DecoderConfig& config, std::string_view prefix);

// Buffers that older checkpoints store and nobody needs: causal masks, rotary frequencies.
bool is_ignored_buffer(std::string_view name);
// The value that such a buffer must hold, where another one would change the computation.
std::optional<double> required_value(std::string_view buffer);

}  // namespace nepenthe::model
