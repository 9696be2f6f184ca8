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

enum class NormKind { kLayerNorm, kRms, kRmsOnePlus /* weight is stored minus one (Gemma) */ };
// Where the norms of a block stand.
enum class NormPlace {
    kPre,      // x + f(norm(x))                     GPT-2, Llama, Phi …
    kPost,     // x + norm(f(x))                     OLMo 2
    kPrePost,  // x + norm(f(norm(x)))               Gemma 3
};
enum class Residual { kSequential, kParallelOneNorm /* GPT-J, Phi */, kParallelTwoNorms /* NeoX */ };
enum class MlpKind { kPlain /* W2 act(W1 x) */, kGated /* W2 (act(Wg x) * Wu x) */ };
enum class Activation { kGeluTanh, kGeluErf, kSilu, kRelu };
enum class Positions { kLearned, kRotary };
enum class PerHeadNorm {
    kNone,
    kHead /* over head_dim: Qwen3, Gemma 3 */,
    kAllHeads /* over heads*head_dim: OLMo 2 */
};

// One rotary table: base, the share of the head it turns, and its scaling.
struct Rotary {
    enum class Scaling { kNone, kLinear, kLlama3, kYarn };
    enum class Pairing { kHalves /* (i, i + d/2) */, kInterleaved /* (2i, 2i + 1), GPT-J */ };
    double theta = 10000.0;
    std::int64_t dims = 0;  // how many of head_dim are rotated
    Pairing pairing = Pairing::kHalves;
    Scaling scaling = Scaling::kNone;
    double factor = 1.0;
    double low_freq_factor = 1.0, high_freq_factor = 4.0;  // llama3
    double original_positions = 0;                         // llama3, yarn
    double beta_fast = 32, beta_slow = 1;                  // yarn
    double attention_factor = 0;                           // yarn; 0 = computed
    double mscale = 0, mscale_all_dim = 0;
    bool truncate = true;
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
    bool qkv_bias = false, attention_output_bias = false, mlp_bias = false;
    Residual residual = Residual::kSequential;
    MlpKind mlp = MlpKind::kGated;
    Activation activation = Activation::kSilu;
    PerHeadNorm qk_norm = PerHeadNorm::kNone;

    Positions positions = Positions::kRotary;
    std::vector<Rotary> rotaries;         // tables in use (Gemma 3 has a local and a global one)
    std::vector<std::int32_t> rotary_of;  // per layer: index into `rotaries`
    std::vector<std::int64_t> window_of;  // per layer: sliding window in tokens, 0 = all

    double attention_scale = 0;     // what q·k is multiplied with
    double embedding_scale = 1;     // what embeddings are multiplied with (Gemma: sqrt(hidden), rounded to the dtype)
    double attention_soft_cap = 0;  // 0 = none
    double logit_soft_cap = 0;
    bool tied = false;  // unembedding = embedding
    bool head_bias = false;

    std::string checkpoint_dtype;  // "bfloat16" …: torch_dtype / dtype of config.json
    Json source;  // config.json (or its text part) as it was read, written back when a model made from scratch is saved
};

// Reads config.json of a folder. What it leaves out is read as transformers reads it (config_defaults.h); of a
// multimodal model its text part is read. Throws Error(kData) that lists everything that is missing, contradictory or
// not supported (an unknown model_type lists the known ones, quantised weights are named).
DecoderConfig read_config(const std::filesystem::path& folder);
DecoderConfig parse_config(const Json& config);
const std::vector<std::string>& supported_families();

}  // namespace nepenthe::model
