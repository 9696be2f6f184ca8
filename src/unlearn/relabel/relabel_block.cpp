#include "unlearn/relabel/relabel_block.h"

#include "base/error.h"
#include "store/packing.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <algorithm>

namespace nepenthe::unlearn {

namespace {

// Bytes of logits that one model's chunk of positions may take.
constexpr std::int64_t kLogitChunkBytes = 64 << 20;

std::int64_t chunk_positions(std::int64_t vocabulary) {
    return std::clamp<std::int64_t>(kLogitChunkBytes / (vocabulary * static_cast<std::int64_t>(sizeof(float))), 8, 128);
}

std::vector<float> to_vector(const at::Tensor& tensor) {
    const at::Tensor plain = tensor.to(at::kCPU, at::kFloat).contiguous();
    return {plain.const_data_ptr<float>(), plain.const_data_ptr<float>() + plain.numel()};
}

// Rows [first, first + count) of states as a view.
at::Tensor view_rows(const std::vector<float>& states, std::int64_t hidden, std::int64_t first, std::int64_t count) {
    // from_blob takes a mutable pointer; nothing writes through this view.
    auto* data = const_cast<float*>(states.data()) + first * hidden;
    return at::from_blob(data, {count, hidden}, at::kFloat);
}

// The translated positions' forbidden tokens: of all tokens sorted by `after`, those before each row's position.
class ForbiddenRows {
  public:
    ForbiddenRows(const TranslatedBlock& translation, const std::vector<std::int32_t>& positions) {
        for (const ForbiddenToken& item : translation.forbidden) tokens_.push_back(item.token);
        for (const std::int32_t position : positions) {
            const auto target = static_cast<std::uint32_t>(translation.map[static_cast<std::size_t>(position)]);
            const auto end = std::partition_point(translation.forbidden.begin(), translation.forbidden.end(),
                                                  [&](const ForbiddenToken& item) { return item.after < target; });
            counts_.push_back(static_cast<std::size_t>(end - translation.forbidden.begin()));
        }
    }
    std::vector<std::span<const text::TokenId>> rows(std::int64_t first, std::int64_t count) const {
        std::vector<std::span<const text::TokenId>> out;
        for (std::int64_t i = first; i < first + count; ++i) {
            out.emplace_back(tokens_.data(), counts_[static_cast<std::size_t>(i)]);
        }
        return out;
    }

  private:
    std::vector<text::TokenId> tokens_;
    std::vector<std::size_t> counts_;
};

void append(std::vector<float>& out, std::span<const float> values) {
    out.insert(out.end(), values.begin(), values.end());
}

}  // namespace

std::vector<std::int32_t> labelled_positions(const TranslatedBlock& translation) {
    std::vector<std::int32_t> positions;
    for (std::size_t i = 0; i + 1 < translation.map.size(); ++i) {
        if (translation.map[i] != kNoPosition) positions.push_back(static_cast<std::int32_t>(i));
    }
    return positions;
}

States run_model(const model::Decoder& decoder, const std::vector<text::TokenId>& ids,
                 const std::vector<std::int32_t>& positions, const std::vector<std::int64_t>& activation_layers) {
    const at::NoGradGuard no_gradients;
    States out;
    if (positions.empty()) return out;
    const auto integers = at::TensorOptions().dtype(at::kLong);
    const at::Tensor tokens = at::tensor(at::ArrayRef<std::int32_t>(ids), integers).unsqueeze(0).to(decoder.device());
    const at::Tensor wanted = at::tensor(at::ArrayRef<std::int32_t>(positions), integers).to(decoder.device());
    const model::Context context = decoder.context({tokens, {}});
    at::Tensor hidden = decoder.embed(tokens, context);
    for (std::int64_t layer = 0; layer < decoder.config().layers; ++layer) {
        hidden = decoder.block(layer, hidden, context);
        if (std::count(activation_layers.begin(), activation_layers.end(), layer) > 0) {
            append(out.activations, to_vector(hidden[0].index_select(0, wanted)));
        }
    }
    out.normed = to_vector(decoder.final_norm(hidden[0].index_select(0, wanted)));
    return out;
}

BlockLabels label_block(TranslatedBlock translation, States baseline, const Unembedding& baseline_unembedding,
                        const States& reinforced, const Unembedding& reinforced_unembedding,
                        const CombineOptions& options, bool keep_logits) {
    BlockLabels out;
    out.positions = labelled_positions(translation);
    out.translation = std::move(translation);
    out.activations = std::move(baseline.activations);
    const auto rows = static_cast<std::int64_t>(out.positions.size());
    out.rows.resize(rows, static_cast<std::int64_t>(options.alphas.size()), options.top_k);
    if (rows == 0) return out;
    const std::int64_t vocabulary = baseline_unembedding.vocabulary();
    const std::int64_t hidden_b = baseline_unembedding.weight.size(1), hidden_r = reinforced_unembedding.weight.size(1);
    NEPENTHE_CHECK(std::ssize(baseline.normed) == rows * hidden_b && std::ssize(reinforced.normed) == rows * hidden_r);
    const ForbiddenRows forbidden(out.translation, out.positions);
    const std::int64_t step = chunk_positions(vocabulary);
    for (std::int64_t first = 0; first < rows; first += step) {
        const std::int64_t count = std::min(step, rows - first);
        at::Tensor b = baseline_unembedding.logits(view_rows(baseline.normed, hidden_b, first, count));
        const at::Tensor r = reinforced_unembedding.logits(view_rows(reinforced.normed, hidden_r, first, count));
        const std::span<float> b_rows(b.mutable_data_ptr<float>(), static_cast<std::size_t>(b.numel()));
        const std::span<const float> r_rows(r.const_data_ptr<float>(), static_cast<std::size_t>(r.numel()));
        combine_rows(b_rows, r_rows, count, vocabulary, forbidden.rows(first, count), options, out.rows, first);
        if (keep_logits) {
            append(out.logits_baseline, b_rows);
            append(out.logits_reinforced, r_rows);
        }
    }
    return out;
}

std::string States::pack() const { return store::Packer().add(normed).add(activations).take(); }

States States::unpack(std::string_view bytes) {
    States out;
    NEPENTHE_CHECK(store::Unpacker(bytes).read(out.normed).read(out.activations).finished());
    return out;
}

std::string BlockLabels::pack() const {
    const std::vector<std::int64_t> counts{rows.alphas, rows.top_k};
    return store::Packer()
        .add(translation.tokens)
        .add(translation.map)
        .add(translation.hits)
        .add(translation.forbidden)
        .add(positions)
        .add(counts)
        .add(rows.label)
        .add(rows.margin)
        .add(rows.certificate)
        .add(rows.baseline_argmax)
        .add(rows.top_index)
        .add(rows.top_baseline)
        .add(rows.top_reinforced)
        .add(rows.lse_baseline)
        .add(rows.lse_reinforced)
        .add(rows.mean_baseline)
        .add(logits_baseline)
        .add(logits_reinforced)
        .add(activations)
        .take();
}

BlockLabels BlockLabels::unpack(std::string_view bytes) {
    BlockLabels out;
    std::vector<std::int64_t> counts;
    store::Unpacker unpacker(bytes);
    unpacker.read(out.translation.tokens)
        .read(out.translation.map)
        .read(out.translation.hits)
        .read(out.translation.forbidden)
        .read(out.positions)
        .read(counts)
        .read(out.rows.label)
        .read(out.rows.margin)
        .read(out.rows.certificate)
        .read(out.rows.baseline_argmax)
        .read(out.rows.top_index)
        .read(out.rows.top_baseline)
        .read(out.rows.top_reinforced)
        .read(out.rows.lse_baseline)
        .read(out.rows.lse_reinforced)
        .read(out.rows.mean_baseline)
        .read(out.logits_baseline)
        .read(out.logits_reinforced)
        .read(out.activations);
    NEPENTHE_CHECK(unpacker.finished() && counts.size() == 2);
    out.rows.alphas = counts[0];
    out.rows.top_k = counts[1];
    return out;
}

}  // namespace nepenthe::unlearn
