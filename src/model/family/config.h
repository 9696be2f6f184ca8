#pragma once
// One decoder, described by a value. A family is a way of reading config.json into this value and a table of tensor
// names (families.h), never a forward pass of its own.

#include "base/json.h"

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace nepenthe::model {

// "OnePlus": the weight is stored minus one (Gemma, Nemotron).
enum class NormKind { kLayerNorm, kLayerNormOnePlus, kRms, kRmsOnePlus };
// Where the norms of a block stand.
enum class NormPlace {
    kPre,            // x + f(norm(x))                     GPT-2, Llama, Phi …
    kPost,           // x + norm(f(x))                     OLMo 2
    kPrePost,        // x + norm(f(norm(x)))               Gemma 3
    kAfterResidual,  // norm(x + f(x))                     OPT 350M
};
enum class Residual { kSequential, kParallelOneNorm /* GPT-J, Phi */, kParallelTwoNorms /* NeoX */ };
enum class MlpKind { kPlain /* W2 act(W1 x) */, kGated /* W2 (act(Wg x) * Wu x) */ };
enum class Activation { kGeluTanh, kGeluErf, kSilu, kRelu, kReluSquared, kXielu /* with two weights a layer */ };
enum class Positions { kLearned, kRotary, kAlibi };
// Whether queries and keys are normed, and over what.
enum class PerHeadNorm {
    kNone,
    kHead /* each head, one weight for all of them: Qwen3, Gemma 3 */,
    kEachHead /* each head with a weight of its own: Cohere, StableLM */,
    kAllHeads /* over heads*head_dim: OLMo 2 */
};
// How query, key and value lie in the checkpoint.
enum class QkvLayout {
    kSeparate,      // three matrices
    kConcatenated,  // one matrix: all queries, all keys, all values (GPT-2)
    kInterleaved,   // one matrix: per key-value head its queries, its key, its value (GPT-NeoX, Falcon)
};

// One rotary table: base, the share of the head it turns, and its scaling.
struct Rotary {
    enum class Scaling { kNone, kLinear, kDynamic, kLlama3, kYarn, kLongRope };
    enum class Pairing { kHalves /* (i, i + d/2) */, kInterleaved /* (2i, 2i + 1), GPT-J */ };
    double theta = 10000.0;
    std::int64_t dims = 0;  // how many of head_dim are rotated
    Pairing pairing = Pairing::kHalves;
    Scaling scaling = Scaling::kNone;
    double factor = 1.0;
    double low_freq_factor = 1.0, high_freq_factor = 4.0;  // llama3
    double original_positions = 0;                         // dynamic, llama3, yarn, longrope
    double beta_fast = 32, beta_slow = 1;                  // yarn
    double attention_factor = 0;                           // yarn, longrope; 0 = computed
    double mscale = 0, mscale_all_dim = 0;
    bool truncate = true;
    std::vector<double> short_factors, long_factors;  // longrope: [dims / 2] each
};

// Biases of attention that fall with the distance (Press et al., 2022), in place of positions in the stream.
struct Alibi {
    std::vector<double> slopes;  // [heads]: what a key's score gains with each position
    bool in_bfloat16 = false;    // positions and products are rounded to bf16 (Falcon)
    double scale = 1;            // what the products are multiplied with
};

struct DecoderConfig {
    std::string family;   // config.json's model_type, or that of its text part
    std::string wrapper;  // model_type of the multimodal model whose text part this is, "" for none
    std::int64_t vocabulary = 0, hidden = 0, layers = 0, intermediate = 0;
    std::int64_t heads = 0, kv_heads = 0, head_dim = 0;
    std::int64_t max_positions = 0;

    NormKind norm = NormKind::kRms;
    NormPlace norm_place = NormPlace::kPre;
    double norm_epsilon = 1e-5;
    bool norm_weight = true;      // false: norms have neither weight nor bias (OLMo)
    bool norm_bias = true;        // of layer norms with a weight
    bool embedding_norm = false;  // one more norm right behind the embedding (BLOOM)
    bool final_norm = true;
    QkvLayout qkv = QkvLayout::kSeparate;
    bool qkv_bias = false, attention_output_bias = false, mlp_bias = false;
    double qkv_clip = 0;  // queries, keys and values are clamped to ± this; 0 = not
    Residual residual = Residual::kSequential;
    double residual_multiplier = 1;  // what attention and MLP write is multiplied with (Granite)
    MlpKind mlp = MlpKind::kGated;
    bool fused_gate_up = false;  // one matrix: the gate's rows, then the other's
    Activation activation = Activation::kSilu;
    PerHeadNorm qk_norm = PerHeadNorm::kNone;
    NormKind qk_norm_kind = NormKind::kRms;
    bool qk_norm_bias = false;
    bool qk_norm_after_rotary = false;  // Hunyuan

    Positions positions = Positions::kRotary;
    std::int64_t position_offset = 0;     // rows of learned positions before that of position 0 (OPT: 2)
    std::vector<Rotary> rotaries;         // tables in use (Gemma 3 has a local and a global one)
    std::vector<std::int32_t> rotary_of;  // per layer: index into `rotaries`, -1 = not rotated; empty without tables
    std::vector<std::int64_t> window_of;  // per layer: sliding window in tokens, 0 = all
    Alibi alibi;

    double attention_scale = 0;  // what q·k is multiplied with
    double embedding_scale = 1;  // what embeddings are multiplied with (Gemma: sqrt(hidden), rounded to the dtype)
    double logit_scale = 1;      // what the states behind the final norm, and with them all logits, are multiplied with
    double attention_soft_cap = 0;  // 0 = none
    double logit_soft_cap = 0;
    bool tied = false;  // unembedding = embedding
    bool head_bias = false;

    std::string checkpoint_dtype;  // "bfloat16" …: torch_dtype / dtype of config.json
    Json source;  // config.json (or its text part) as it was read, written back when a model made from scratch is saved
};

// Whether a kind of norm subtracts the mean.
inline bool is_layer_norm(NormKind kind) { return kind == NormKind::kLayerNorm || kind == NormKind::kLayerNormOnePlus; }
// Whether its weight is stored minus one.
inline bool is_one_plus(NormKind kind) { return kind == NormKind::kLayerNormOnePlus || kind == NormKind::kRmsOnePlus; }
// Whether a norm stands between what the MLP writes and the residual stream.
inline bool norms_output(NormPlace place) { return place == NormPlace::kPost || place == NormPlace::kPrePost; }

// Reads config.json of a folder. What it leaves out is read as transformers reads it (config_defaults.h); of a
// multimodal model its text part is read. Throws Error(kData) that lists everything that is missing, contradictory or
// not supported (an unknown model_type lists the known ones, quantised weights are named).
DecoderConfig read_config(const std::filesystem::path& folder);
DecoderConfig parse_config(const Json& config);
const std::vector<std::string>& supported_families();

}  // namespace nepenthe::model
