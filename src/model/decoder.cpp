#include "model/decoder.h"

#include "base/error.h"
#include "model/block.h"
#include "model/linear.h"
#include "model/rotary.h"
#include "model/side_memory.h"
#include "model/weights.h"

#include <torch/types.h>

namespace nepenthe::model {

struct Decoder::Impl {
    DecoderConfig config;
    Compute compute = Compute::kFloat32;
    at::Device device = at::kCPU;
    Weights weights;
    std::vector<at::Tensor> frequencies;  // per rotary table
    double embedding_scale = 1;           // rounded to the compute dtype
    std::shared_ptr<const SideMemory> side_memory;

    Impl(DecoderConfig configuration, Compute precision, at::Device where)
        : config(std::move(configuration)), compute(precision), device(where) {
        for (const Rotary& rotary : config.rotaries) {
            frequencies.push_back(rotary_frequencies(rotary).to(device));
        }
        embedding_scale = at::scalar_tensor(config.embedding_scale).to(dtype()).item<double>();
    }

    at::ScalarType dtype() const { return compute == Compute::kBFloat16 ? at::kBFloat16 : at::kFloat; }
    const LayerWeights& layer(std::int64_t index) const {
        NEPENTHE_CHECK(index >= 0 && index < config.layers);
        return weights.layers[static_cast<std::size_t>(index)];
    }
};

namespace {

// True where every row is real tokens first, padding after: then causality alone hides the padding from real tokens.
bool is_right_padded(const at::Tensor& mask) {
    const std::int64_t length = mask.size(1);
    return length < 2 ||
           !mask.narrow(1, 0, length - 1).logical_not().logical_and(mask.narrow(1, 1, length - 1)).any().item<bool>();
}

void check_batch(const Batch& batch, const KvCache* cache) {
    if (!batch.ids.defined() || batch.ids.dim() != 2 || batch.ids.scalar_type() != at::kLong) {
        fail(ErrorKind::kInternal, "a batch's ids must be [batch, position] int64");
    }
    for (const at::Tensor& mask : {batch.mask, batch.prompt}) {
        if (mask.defined() && (mask.sizes() != batch.ids.sizes() || mask.scalar_type() != at::kBool)) {
            fail(ErrorKind::kInternal, "a batch's masks must be bool and as large as its ids");
        }
    }
    if (cache != nullptr && cache->mask.defined() && cache->mask.size(0) != batch.ids.size(0)) {
        fail(ErrorKind::kInternal, "the cache holds {} sequences, the batch {}", cache->mask.size(0),
             batch.ids.size(0));
    }
}

// Mask over the cached and the new positions, undefined where all are real.
at::Tensor joint_mask(const Batch& batch, const KvCache* cache, std::int64_t past) {
    const bool cached = cache != nullptr && cache->mask.defined();
    if (!batch.mask.defined() && !cached) {
        return {};
    }
    const auto options = at::TensorOptions(batch.ids.device()).dtype(at::kBool);
    const at::Tensor now =
        batch.mask.defined() ? batch.mask.to(batch.ids.device()) : at::ones(batch.ids.sizes(), options);
    const at::Tensor before = cached ? cache->mask : at::ones({batch.ids.size(0), past}, options);
    return past > 0 ? at::cat({before, now}, 1) : now.contiguous();
}

// What ALiBi adds to the score of each key, [batch|1, head, key] fp32, up to a constant of the query: positions
// [batch|1, key] count real tokens.
at::Tensor alibi_bias(const Alibi& alibi, const at::Tensor& positions) {
    const at::ScalarType type = alibi.in_bfloat16 ? at::kBFloat16 : at::kFloat;
    const at::Tensor slopes = at::tensor(alibi.slopes, at::kFloat).to(positions.device(), type);
    const at::Tensor products = slopes.unsqueeze(1) * positions.unsqueeze(1).to(type);
    return (products.to(at::kFloat) * alibi.scale).contiguous();
}

// The real tokens of a pass that belong to a prompt.
at::Tensor deciding_tokens(const Batch& batch) {
    at::Tensor deciding = at::ones(batch.ids.sizes(), at::TensorOptions(batch.ids.device()).dtype(at::kBool));
    for (const at::Tensor& mask : {batch.mask, batch.prompt}) {
        if (mask.defined()) deciding = deciding.logical_and(mask.to(batch.ids.device()));
    }
    return deciding;
}

}  // namespace

std::string compute_name(Compute compute) { return compute == Compute::kBFloat16 ? "bf16" : "fp32"; }

Compute parse_compute(const std::string& name) {
    for (const Compute compute : {Compute::kFloat32, Compute::kBFloat16}) {
        if (compute_name(compute) == name) return compute;
    }
    fail(ErrorKind::kUsage, "unknown precision \"{}\"; there are fp32 and bf16", name);
}

Decoder::Decoder(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Decoder::Decoder(Decoder&&) noexcept = default;
Decoder& Decoder::operator=(Decoder&&) noexcept = default;
Decoder::~Decoder() = default;

Decoder Decoder::load(const std::filesystem::path& folder, Compute compute, at::Device device) {
    auto impl = std::make_unique<Impl>(read_config(folder), compute, device);
    impl->weights = load_weights(impl->config, folder, impl->dtype(), device);
    Decoder decoder(std::move(impl));
    if (holds_side_memory(folder)) {
        decoder.attach_side_memory(
            std::make_shared<const SideMemory>(load_side_memory(folder, decoder.impl_->dtype(), device)));
    }
    return decoder;
}

Decoder Decoder::create(const DecoderConfig& config, std::uint64_t seed, Compute compute, at::Device device) {
    auto impl = std::make_unique<Impl>(config, compute, device);
    impl->weights = create_weights(config, seed, impl->dtype(), device);
    return Decoder(std::move(impl));
}

Decoder Decoder::copy(Compute compute) const {
    auto impl = std::make_unique<Impl>(impl_->config, compute, impl_->device);
    impl->weights = copy_weights(impl_->config, impl_->weights, impl->dtype());
    return Decoder(std::move(impl));
}

const DecoderConfig& Decoder::config() const { return impl_->config; }
Compute Decoder::compute() const { return impl_->compute; }
at::Device Decoder::device() const { return impl_->device; }

Context Decoder::context(const Batch& batch, KvCache* cache) const {
    check_batch(batch, cache);
    Context context;
    context.cache = cache;
    context.past = cache != nullptr ? cache->length() : 0;
    const std::int64_t length = batch.ids.size(1);
    const at::Tensor mask = joint_mask(batch, cache, context.past);
    at::Tensor counted;  // [batch|1, key]
    if (mask.defined()) {
        counted = mask.to(at::kLong).cumsum(1).sub(1).clamp_min(0);
        if (!is_right_padded(mask)) {
            context.key_mask = mask;
        }
    } else {
        counted = at::arange(context.past + length, batch.ids.options()).unsqueeze(0);
    }
    context.positions = counted.narrow(1, context.past, length);
    if (impl_->config.positions == Positions::kAlibi) {
        context.key_bias = alibi_bias(impl_->config.alibi, counted);
    }
    if (cache != nullptr && !cache->frozen()) {
        cache->mask = mask;
    }
    if (impl_->side_memory != nullptr) {
        context.deciding = deciding_tokens(batch);
    }
    if (impl_->config.positions == Positions::kLearned && context.past + length > impl_->config.max_positions &&
        context.positions.max().item<std::int64_t>() >= impl_->config.max_positions) {
        fail(ErrorKind::kData, "{} tokens do not fit the model's {} learned positions; use shorter windows",
             context.past + length, impl_->config.max_positions);
    }
    for (std::size_t i = 0; i < impl_->frequencies.size(); ++i) {
        RotaryTable table = rotary_table(impl_->config.rotaries[i], impl_->frequencies[i], context.positions);
        context.cosines.push_back(std::move(table.cosines));
        context.sines.push_back(std::move(table.sines));
    }
    return context;
}

at::Tensor Decoder::embed(const at::Tensor& ids, const Context& context) const {
    at::Tensor hidden = at::embedding(impl_->weights.embedding, ids);
    if (impl_->embedding_scale != 1.0) {
        hidden = hidden * impl_->embedding_scale;
    }
    if (impl_->config.positions == Positions::kLearned) {
        const std::int64_t offset = impl_->config.position_offset;
        hidden = hidden +
                 at::embedding(impl_->weights.positions, offset == 0 ? context.positions : context.positions + offset);
    }
    return impl_->config.embedding_norm ? apply_norm(impl_->config, hidden, impl_->weights.embedding_norm) : hidden;
}

at::Tensor Decoder::block(std::int64_t layer, const at::Tensor& hidden, const Context& context) const {
    return block_forward(impl_->config, impl_->layer(layer), layer, hidden, context);
}

at::Tensor Decoder::attention_output(std::int64_t layer, const at::Tensor& hidden, const Context& context) const {
    return block_attention_output(impl_->config, impl_->layer(layer), layer, hidden, context);
}

at::Tensor Decoder::after_attention(std::int64_t layer, const at::Tensor& hidden, const Context& context) const {
    return block_after_attention(impl_->config, impl_->layer(layer), layer, hidden, context);
}

at::Tensor Decoder::with_attention(std::int64_t layer, const at::Tensor& hidden, const at::Tensor& output) const {
    return block_with_attention(impl_->config, impl_->layer(layer), hidden, output);
}

at::Tensor Decoder::mlp_key(std::int64_t layer, const at::Tensor& hidden, const at::Tensor& after_attention) const {
    return block_mlp_key(impl_->config, impl_->layer(layer), hidden, after_attention);
}

at::Tensor Decoder::mlp_output(std::int64_t layer, const at::Tensor& key) const {
    return block_mlp_output(impl_->layer(layer), key);
}

at::Tensor Decoder::after_mlp(std::int64_t layer, const at::Tensor& after_attention,
                              const at::Tensor& mlp_output) const {
    return block_after_mlp(impl_->config, impl_->layer(layer), after_attention, mlp_output);
}

at::Tensor Decoder::final_norm(const at::Tensor& hidden) const {
    const DecoderConfig& config = impl_->config;
    const at::Tensor normed = config.final_norm ? apply_norm(config, hidden, impl_->weights.final_norm) : hidden;
    return config.logit_scale == 1.0 ? normed : normed * config.logit_scale;
}

at::Tensor Decoder::unembed(const at::Tensor& normed) const {
    const at::Tensor logits = linear(normed, impl_->weights.head, impl_->weights.head_bias);
    const double cap = impl_->config.logit_soft_cap;
    return cap > 0.0 ? at::tanh(logits / cap) * cap : logits;
}

at::Tensor Decoder::head(const at::Tensor& hidden) const { return unembed(final_norm(hidden)).to(at::kFloat); }

at::Tensor Decoder::blocks(const at::Tensor& embedded, const Context& context, bool checkpointing) const {
    at::Tensor hidden = embedded;
    const bool replay = checkpointing && at::GradMode::is_enabled();
    for (std::int64_t layer = 0; layer < impl_->config.layers; ++layer) {
        hidden = replay ? block_checkpointed(impl_->config, impl_->layer(layer), layer, hidden, context)
                        : block(layer, hidden, context);
    }
    return hidden;
}

at::Tensor Decoder::hidden_states(const Batch& batch, bool checkpointing) const {
    const Context shared = context(batch);
    return blocks(embed(batch.ids, shared), shared, checkpointing);
}

at::Tensor Decoder::logits(const Batch& batch) const { return head(hidden_states(batch)); }

std::vector<NamedTensor> Decoder::parameters() const {
    std::vector<NamedTensor> named;
    named.reserve(impl_->weights.specs.size());
    for (std::size_t i = 0; i < impl_->weights.specs.size(); ++i) {
        named.push_back({impl_->weights.specs[i].name, impl_->weights.tensors[i]});
    }
    return named;
}

at::Tensor Decoder::parameter(const std::string& name) const {
    const auto found = impl_->weights.index.find(name);
    if (found == impl_->weights.index.end()) {
        fail(ErrorKind::kInternal, "this {} model has no tensor \"{}\"", impl_->config.family, name);
    }
    return impl_->weights.tensors[found->second];
}

std::string Decoder::mlp_output_name(std::int64_t layer) const {
    for (const TensorSpec& spec : impl_->weights.specs) {
        if (spec.layer == layer && spec.role == Role::kDown) {
            return spec.name;
        }
    }
    fail(ErrorKind::kInternal, "this model has {} layers, there is no layer {}", impl_->config.layers, layer);
}

bool Decoder::stores_transposed(const std::string& name) const {
    const auto found = impl_->weights.index.find(name);
    return found != impl_->weights.index.end() && impl_->weights.specs[found->second].transposed;
}

at::Tensor Decoder::embedding() const { return impl_->weights.embedding; }
at::Tensor Decoder::unembedding() const { return impl_->weights.head; }
at::Tensor Decoder::unembedding_bias() const { return impl_->weights.head_bias; }

void Decoder::attach_side_memory(std::shared_ptr<const SideMemory> memory) {
    if (memory != nullptr) {
        const bool exists = memory->layer >= 0 && memory->layer < impl_->config.layers;
        check_side_memory(*memory, impl_->config.layers,
                          exists ? parameter(mlp_output_name(memory->layer)) : at::Tensor());
    }
    if (impl_->side_memory != nullptr) {
        impl_->weights.layers[static_cast<std::size_t>(impl_->side_memory->layer)].side_memory = nullptr;
    }
    impl_->side_memory = memory;
    if (memory != nullptr) {
        impl_->weights.layers[static_cast<std::size_t>(memory->layer)].side_memory = std::move(memory);
    }
}

std::shared_ptr<const SideMemory> Decoder::side_memory() const { return impl_->side_memory; }

}  // namespace nepenthe::model
