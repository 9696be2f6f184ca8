#pragma once
// The forward pass as a handful of public pieces. Every method of the project is a composition of these: score applies
// all of them, covariance stops after the last layer it needs, relabelling applies the head only where a label is
// wanted, an edit starts from hidden states cached below the edited layer.

#include "model/family/config.h"

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

namespace nepenthe::model {

enum class Compute { kFloat32, kBFloat16 };

std::string compute_name(Compute compute);       // "fp32", "bf16"
Compute parse_compute(const std::string& name);  // Error(kUsage)

// Sequences side by side. Left and right padding are both fine.
struct Batch {
    at::Tensor ids;   // [batch, position] int64
    at::Tensor mask;  // [batch, position] bool, true = a real token; undefined = all real
    // [batch, position] bool: the tokens by which a side memory decides whether it answers (side_memory.h), where a
    // continuation that is scored follows its prompt in the same pass; undefined = all real ones.
    at::Tensor prompt = {};
};

class KvCache;
struct SideMemory;

// What all layers of one pass share: position ids, which keys are real, rotary tables. Made by context(). No mask of
// shape [position, key] is kept: causality and sliding windows are index arithmetic in the attention kernel.
struct Context {
    at::Tensor positions;             // [batch|1, position] int64, counted over real tokens
    at::Tensor key_mask;              // [batch, key] bool, true = real; undefined where no query can see padding
    std::int64_t past = 0;            // positions in the cache before this pass
    std::vector<at::Tensor> cosines;  // per rotary table: [batch|1, position, dims / 2] fp32
    std::vector<at::Tensor> sines;
    at::Tensor key_bias;       // [batch|1, head, key] fp32: ALiBi; undefined in other families
    at::Tensor deciding;       // [batch, position] bool: real tokens of the prompt; only with a side memory
    KvCache* cache = nullptr;  // appended to by block()
};

struct NamedTensor {
    std::string name;  // as in the checkpoint
    at::Tensor tensor;
};

class Decoder {
  public:
    // Loads a Hugging Face folder. Weights are converted to `compute` (fp32, or bf16). Every missing, superfluous,
    // misshapen or non-finite tensor is reported at once (Error(kData)). Not collective: each rank reads for itself.
    static Decoder load(const std::filesystem::path& folder, Compute compute, at::Device device = at::kCPU);
    // Fresh weights: normal(0, 0.02), residual projections scaled by 1/sqrt(2*layers), norms at one. The same on every
    // rank: a pure function of (config, seed).
    static Decoder create(const DecoderConfig& config, std::uint64_t seed, Compute compute,
                          at::Device device = at::kCPU);

    // The same weights in another precision, in storage of their own; without a side memory.
    Decoder copy(Compute compute) const;

    Decoder(Decoder&&) noexcept;
    Decoder& operator=(Decoder&&) noexcept;
    ~Decoder();

    const DecoderConfig& config() const;
    Compute compute() const;
    at::Device device() const;

    // --- the pieces; all differentiable ---
    Context context(const Batch& batch, KvCache* cache = nullptr) const;
    // [batch, position] → [batch, position, hidden]
    at::Tensor embed(const at::Tensor& ids, const Context& context) const;
    // [batch, position, hidden] → the same: block `layer` with its residuals.
    at::Tensor block(std::int64_t layer, const at::Tensor& hidden, const Context& context) const;
    // The same block in pieces, for methods that look between them or put something in their place:
    //     stream = after_attention(layer, hidden, context)           hidden + attention_output(layer, hidden, context),
    //                                                                normed in families whose norms follow the sum
    //     key    = mlp_key(layer, hidden, stream)                    input of the second MLP matrix
    //     block  = after_mlp(layer, stream, mlp_output(layer, key))
    // Every norm and residual of the family is in them; all but the key are [batch, position, hidden], the key is
    // [batch, position, intermediate].
    at::Tensor attention_output(std::int64_t layer, const at::Tensor& hidden, const Context& context) const;
    at::Tensor after_attention(std::int64_t layer, const at::Tensor& hidden, const Context& context) const;
    // after_attention() where attention wrote `output` in place of attention_output().
    at::Tensor with_attention(std::int64_t layer, const at::Tensor& hidden, const at::Tensor& output) const;
    at::Tensor mlp_key(std::int64_t layer, const at::Tensor& hidden, const at::Tensor& after_attention) const;
    // What the second MLP matrix writes (bias included), before any norm or multiplier that follows it. A side memory
    // answers in block() alone, never here.
    at::Tensor mlp_output(std::int64_t layer, const at::Tensor& key) const;
    at::Tensor after_mlp(std::int64_t layer, const at::Tensor& after_attention, const at::Tensor& mlp_output) const;
    // Final norm alone, and the scale of the logits (DecoderConfig::logit_scale): [..., hidden] → [..., hidden].
    at::Tensor final_norm(const at::Tensor& hidden) const;
    // Unembedding of *normed* states, soft cap included: [..., hidden] → [..., vocabulary], in the compute dtype.
    at::Tensor unembed(const at::Tensor& normed) const;
    // unembed(final_norm(hidden)) in fp32.
    at::Tensor head(const at::Tensor& hidden) const;

    // --- common compositions ---
    // All blocks on embedded tokens, before the final norm: [batch, position, hidden] → the same. With `checkpointing`,
    // each block's activations are recomputed in the backward pass.
    at::Tensor blocks(const at::Tensor& embedded, const Context& context, bool checkpointing = false) const;
    // blocks(embed(…)).
    at::Tensor hidden_states(const Batch& batch, bool checkpointing = false) const;
    // head(hidden_states(batch)); for tests and short texts only, it materialises [batch, position, vocabulary].
    at::Tensor logits(const Batch& batch) const;

    // Weights by checkpoint name in a fixed order. A tied unembedding appears once (as the embedding). The tensors are
    // the decoder's own (writing into them changes it); they do not require a gradient until the caller says so.
    std::vector<NamedTensor> parameters() const;
    at::Tensor parameter(const std::string& name) const;
    // Name of the second MLP matrix of a layer, and whether it is stored [in, out] (GPT-2's Conv1D).
    std::string mlp_output_name(std::int64_t layer) const;
    bool stores_transposed(const std::string& name) const;
    // The embedding matrix [vocabulary, hidden].
    at::Tensor embedding() const;
    // The unembedding matrix [vocabulary, hidden], the same tensor when tied, and its bias (undefined where there is
    // none), for losses in chunks.
    at::Tensor unembedding() const;
    at::Tensor unembedding_bias() const;

    // From now on block() asks the memory in its layer, a sequence at a time. Throws Error(kData) where its layer,
    // shape or numbers do not fit; nullptr takes it away. load() attaches what lies in the folder.
    void attach_side_memory(std::shared_ptr<const SideMemory> memory);
    std::shared_ptr<const SideMemory> side_memory() const;

  private:
    struct Impl;
    explicit Decoder(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

// Keys and values of earlier positions, per layer.
class KvCache {
  public:
    explicit KvCache(std::int64_t layers);
    std::int64_t length() const;  // positions stored
    // Appends [batch, kv_head, position, head_dim] and returns everything so far.
    std::pair<at::Tensor, at::Tensor> append(std::int64_t layer, const at::Tensor& key, const at::Tensor& value);
    // The cache of the sequences rows[i] ([n] int64, repetitions allowed): several continuations of one context.
    KvCache select(const at::Tensor& rows) const;
    // The first `length` positions, sharing storage with this cache; frozen.
    KvCache prefix(std::int64_t length) const;
    // From now on append() returns what is stored with the new positions behind it and stores nothing, so that many
    // passes continue the same prefix, also with gradients. A pass may hold a multiple of the cached sequences: its row
    // i then continues sequence i modulo their number.
    void freeze() { frozen_ = true; }
    bool frozen() const { return frozen_; }
    // Mask of the positions of all passes so far: [batch, length] bool, undefined = all real. Kept by
    // Decoder::context() until the cache is frozen.
    at::Tensor mask;
    // [batch] int64: which memory answers each sequence, decided in the first pass; undefined before it and without a
    // side memory.
    at::Tensor route;

  private:
    // Storage grows by doubling, so that a step costs no copy of what is there.
    struct Layer {
        at::Tensor keys, values;  // [batch, kv_head, capacity, head_dim]
        std::int64_t length = 0;
    };
    std::vector<Layer> layers_;
    bool frozen_ = false;
};

}  // namespace nepenthe::model
