#include "model/sentence_encoder.h"

#include "base/error.h"
#include "base/hash.h"
#include "base/json.h"
#include "io/file.h"
#include "io/safetensors.h"
#include "model/linear.h"
#include "model/model_files.h"
#include "model/tensor_bytes.h"
#include "text/tokenizer.h"

#include <fmt/ranges.h>

#include <torch/types.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>

namespace nepenthe::model {

namespace {

namespace fs = std::filesystem;

struct Affine {
    at::Tensor weight, bias;
    at::Tensor operator()(const at::Tensor& input) const { return linear(input, weight, bias); }
};

struct LayerNorm {
    at::Tensor weight, bias;
    double epsilon = 1e-12;
    at::Tensor operator()(const at::Tensor& input) const {
        return at::layer_norm(input, {input.size(-1)}, weight, bias, epsilon);
    }
};

struct EncoderLayer {
    Affine query, key, value, attention_output, up, down;
    LayerNorm attention_norm, output_norm;
};

struct EncoderShape {
    std::int64_t vocabulary = 0, hidden = 0, layers = 0, heads = 0, intermediate = 0, positions = 0, types = 0;
    double epsilon = 1e-12;
};

// Sentence-transformers' own files.
constexpr const char* kPooling = "1_Pooling/config.json";
constexpr const char* kLimits = "sentence_bert_config.json";
constexpr std::array kSettings = {kPooling, kLimits};

Json read_json(const fs::path& path) { return parse_json(io::read_file(path, 64u << 20), path.string()); }

std::int64_t positive(const Json& json, const char* name, Problems& problems) {
    const auto found = json.find(name);
    constexpr std::int64_t kMost = 1 << 24;
    if (found == json.end() || !found->is_number_integer() || *found < 1 || *found > kMost) {
        problems.add("\"{}\" is not a number from 1 to {}", name, kMost);
        return 1;
    }
    return found->get<std::int64_t>();
}

EncoderShape read_shape(const fs::path& path) {
    const Json json = read_json(path);
    Problems problems;
    if (!json.is_object() || json.value("model_type", Json()) != "bert") problems.add("\"model_type\" is not \"bert\"");
    if (!json.is_object()) problems.throw_if_any(ErrorKind::kData, path.string());
    if (json.value("hidden_act", Json("gelu")) != "gelu") problems.add("\"hidden_act\" is not \"gelu\"");
    if (json.value("position_embedding_type", Json("absolute")) != "absolute") {
        problems.add("\"position_embedding_type\" is not \"absolute\"");
    }
    EncoderShape shape;
    shape.vocabulary = positive(json, "vocab_size", problems);
    shape.hidden = positive(json, "hidden_size", problems);
    shape.layers = positive(json, "num_hidden_layers", problems);
    shape.heads = positive(json, "num_attention_heads", problems);
    shape.intermediate = positive(json, "intermediate_size", problems);
    shape.positions = positive(json, "max_position_embeddings", problems);
    shape.types = positive(json, "type_vocab_size", problems);
    const Json epsilon = json.value("layer_norm_eps", Json(1e-12));
    if (!epsilon.is_number()) problems.add("\"layer_norm_eps\" is no number");
    if (shape.hidden % shape.heads != 0) problems.add("{} heads do not divide {}", shape.heads, shape.hidden);
    problems.throw_if_any(ErrorKind::kData, path.string());
    shape.epsilon = epsilon.get<double>();
    return shape;
}

// The longest text in tokens, and that states are averaged: sentence-transformers' own files, where they lie there.
std::int64_t read_max_tokens(const fs::path& folder, const EncoderShape& shape) {
    if (const fs::path pooling = folder / kPooling; fs::exists(pooling)) {
        const Json json = read_json(pooling);
        const bool mean = json.is_object() && json.value("pooling_mode_mean_tokens", Json()) == true;
        for (const char* other :
             {"pooling_mode_cls_token", "pooling_mode_max_tokens", "pooling_mode_mean_sqrt_len_tokens"}) {
            if (!mean || json.value(other, Json(false)) == true) {
                fail(ErrorKind::kData, "{}: only the mean over tokens is supported", pooling.string());
            }
        }
    }
    const fs::path limits = folder / kLimits;
    if (!fs::exists(limits)) return shape.positions;
    const Json json = read_json(limits);
    Problems problems;
    const std::int64_t most = json.is_object() ? positive(json, "max_seq_length", problems) : shape.positions;
    problems.throw_if_any(ErrorKind::kData, limits.string());
    return std::clamp<std::int64_t>(most, 3, shape.positions);
}

// Takes tensors out of a checkpoint and collects what is wrong with them.
class TensorSource {
  public:
    explicit TensorSource(const fs::path& folder) : checkpoint_(io::open_checkpoint(folder)) {
        if (checkpoint_.find("bert.embeddings.word_embeddings.weight") != nullptr) prefix_ = "bert.";
    }
    at::Tensor take(const std::string& name, const std::vector<std::int64_t>& shape) {
        const io::TensorView* view = checkpoint_.find(prefix_ + name);
        if (view == nullptr || view->shape != shape || !floating_type(view->dtype) || first_non_finite(*view)) {
            problems_.add("tensor \"{}{}\" is missing, not [{}], not floating point, or holds a NaN or infinity",
                          prefix_, name, fmt::join(shape, ", "));
            return at::zeros(shape);
        }
        return tensor_from_bytes(*view, at::kFloat);
    }
    Affine affine(const std::string& name, std::int64_t out, std::int64_t in) {
        return {take(name + ".weight", {out, in}), take(name + ".bias", {out})};
    }
    LayerNorm norm(const std::string& name, const EncoderShape& shape) {
        return {take(name + ".weight", {shape.hidden}), take(name + ".bias", {shape.hidden}), shape.epsilon};
    }
    void finish(const fs::path& folder) const { problems_.throw_if_any(ErrorKind::kData, folder.string()); }

  private:
    io::Checkpoint checkpoint_;
    std::string prefix_;
    Problems problems_;
};

EncoderLayer read_layer(TensorSource& source, const EncoderShape& shape, std::int64_t number) {
    const std::string layer = fmt::format("encoder.layer.{}.", number), attention = layer + "attention.";
    const std::int64_t hidden = shape.hidden, inner = shape.intermediate;
    return {source.affine(attention + "self.query", hidden, hidden),
            source.affine(attention + "self.key", hidden, hidden),
            source.affine(attention + "self.value", hidden, hidden),
            source.affine(attention + "output.dense", hidden, hidden),
            source.affine(layer + "intermediate.dense", inner, hidden),
            source.affine(layer + "output.dense", hidden, inner),
            source.norm(attention + "output.LayerNorm", shape),
            source.norm(layer + "output.LayerNorm", shape)};
}

// Texts side by side, padded on the right.
struct Padded {
    at::Tensor ids;   // [text, position] int64
    at::Tensor mask;  // [text, position] bool
};

Padded pad_texts(const std::vector<std::vector<text::TokenId>>& texts, std::span<const std::size_t> chosen) {
    std::size_t longest = 0;
    for (const std::size_t i : chosen) longest = std::max(longest, texts[i].size());
    const auto rows = static_cast<std::int64_t>(chosen.size()), columns = static_cast<std::int64_t>(longest);
    Padded padded{at::zeros({rows, columns}, at::kLong), at::zeros({rows, columns}, at::kBool)};
    for (std::size_t row = 0; row < chosen.size(); ++row) {
        const auto& ids = texts[chosen[row]];
        std::copy(ids.begin(), ids.end(), padded.ids.mutable_data_ptr<std::int64_t>() + row * longest);
        std::fill_n(padded.mask.mutable_data_ptr<bool>() + row * longest, ids.size(), true);
    }
    return padded;
}

}  // namespace

struct SentenceEncoder::Impl {
    EncoderShape shape;
    std::int64_t max_tokens = 0;
    text::Tokenizer tokenizer;
    at::Tensor words, positions, types;
    LayerNorm embedding_norm;
    std::vector<EncoderLayer> layers;
    std::string digest;

    std::vector<text::TokenId> ids_of(const std::string& text) const {
        std::vector<text::TokenId> ids = tokenizer.encode_ids(text, true);
        const auto most = static_cast<std::size_t>(max_tokens);
        if (ids.size() > most) {  // the last special token stays
            ids[most - 1] = ids.back();
            ids.resize(most);
        }
        return ids;
    }

    at::Tensor attend(const EncoderLayer& layer, const at::Tensor& hidden, const at::Tensor& hidden_keys) const {
        const auto heads = [&](const Affine& projection) {
            return projection(hidden).unflatten(2, {shape.heads, -1}).transpose(1, 2);
        };
        const at::Tensor query = heads(layer.query), key = heads(layer.key), value = heads(layer.value);
        const double scale = 1.0 / std::sqrt(static_cast<double>(query.size(3)));
        const at::Tensor scores = at::matmul(query, key.transpose(2, 3)).mul(scale);
        const at::Tensor weights =
            at::softmax(scores.masked_fill(hidden_keys, -std::numeric_limits<float>::infinity()), -1);
        return layer.attention_output(at::matmul(weights, value).transpose(1, 2).flatten(2));
    }

    at::Tensor embed(const Padded& batch) const {
        at::Tensor hidden = at::embedding(words, batch.ids) + types[0];
        hidden = embedding_norm(hidden + positions.narrow(0, 0, batch.ids.size(1)));
        const at::Tensor padding = batch.mask.logical_not().unsqueeze(1).unsqueeze(1);  // [text, 1, 1, key]
        for (const EncoderLayer& layer : layers) {
            hidden = layer.attention_norm(hidden + attend(layer, hidden, padding));
            hidden = layer.output_norm(hidden + layer.down(at::gelu(layer.up(hidden))));
        }
        const at::Tensor real = batch.mask.to(at::kFloat).unsqueeze(2);
        const at::Tensor mean = (hidden * real).sum(1) / real.sum(1);
        return mean / mean.norm(2, {1}, true).clamp_min(1e-12);
    }
};

std::string encoder_digest(const fs::path& folder) {
    Json parts = {{"model", model_digest(folder)}};
    for (const char* name : kSettings) {
        if (fs::exists(folder / name)) parts[name] = io::file_digest(folder / name);
    }
    return sha256_hex(canonical_json(parts));
}

SentenceEncoder::SentenceEncoder(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
SentenceEncoder::SentenceEncoder(SentenceEncoder&&) noexcept = default;
SentenceEncoder& SentenceEncoder::operator=(SentenceEncoder&&) noexcept = default;
SentenceEncoder::~SentenceEncoder() = default;

SentenceEncoder SentenceEncoder::load(const fs::path& folder) {
    const EncoderShape shape = read_shape(folder / "config.json");
    TensorSource source(folder);
    auto impl = std::unique_ptr<Impl>(new Impl{shape,
                                               read_max_tokens(folder, shape),
                                               text::Tokenizer::load(folder, shape.vocabulary),
                                               {},
                                               {},
                                               {},
                                               {},
                                               {},
                                               {}});
    impl->words = source.take("embeddings.word_embeddings.weight", {shape.vocabulary, shape.hidden});
    impl->positions = source.take("embeddings.position_embeddings.weight", {shape.positions, shape.hidden});
    impl->types = source.take("embeddings.token_type_embeddings.weight", {shape.types, shape.hidden});
    impl->embedding_norm = source.norm("embeddings.LayerNorm", shape);
    for (std::int64_t i = 0; i < shape.layers; ++i) impl->layers.push_back(read_layer(source, shape, i));
    source.finish(folder);
    impl->digest = encoder_digest(folder);
    return SentenceEncoder(std::move(impl));
}

std::int64_t SentenceEncoder::width() const { return impl_->shape.hidden; }
std::int64_t SentenceEncoder::max_tokens() const { return impl_->max_tokens; }
const std::string& SentenceEncoder::digest() const { return impl_->digest; }

at::Tensor SentenceEncoder::encode(std::span<const std::string> texts) const {
    const at::NoGradGuard no_grad;
    std::vector<std::vector<text::TokenId>> ids;
    for (const std::string& text : texts) ids.push_back(impl_->ids_of(text));
    // Longest first, so that padding stays small.
    std::vector<std::size_t> order(texts.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::ranges::stable_sort(order, std::ranges::greater{}, [&](std::size_t i) { return ids[i].size(); });
    at::Tensor vectors = at::empty({static_cast<std::int64_t>(texts.size()), width()}, at::kFloat);
    constexpr std::size_t kTextsAtOnce = 32;
    for (std::size_t begin = 0; begin < order.size(); begin += kTextsAtOnce) {
        const auto chosen = std::span(order).subspan(begin, std::min(kTextsAtOnce, order.size() - begin));
        const std::vector<std::int64_t> rows(chosen.begin(), chosen.end());
        vectors.index_copy_(0, at::tensor(rows, at::kLong), impl_->embed(pad_texts(ids, chosen)));
    }
    return vectors;
}

}  // namespace nepenthe::model
