#include "edit/keys/keys.h"

#include "base/error.h"

#include <torch/types.h>

#include <algorithm>
#include <numeric>

namespace nepenthe::edit {

namespace {

constexpr std::int64_t kTokensPerPass = 4096;  // bounds the memory of a pass

using RowPointers = std::vector<const EditRow*>;

// What one pass reads off at the subject's last token, one line a row; fp64.
struct Readings {
    at::Tensor keys, outputs, blocks;
};

// Rows up to their subject's last token, left-padded, so that it stands at the end of every row.
model::Batch ending_at_subject(const RowPointers& rows, std::int64_t length, at::Device device) {
    const auto count = static_cast<std::int64_t>(rows.size());
    at::Tensor ids = at::zeros({count, length}, at::kLong), mask = at::zeros({count, length}, at::kBool);
    for (std::int64_t i = 0; i < count; ++i) {
        const EditRow& row = *rows[static_cast<std::size_t>(i)];
        const auto used = static_cast<std::int64_t>(row.subject_last) + 1;
        std::copy_n(row.ids.begin(), used, ids.mutable_data_ptr<std::int64_t>() + (i + 1) * length - used);
        std::fill_n(mask.mutable_data_ptr<bool>() + (i + 1) * length - used, used, true);
    }
    return {ids.to(device), mask.all().item<bool>() ? at::Tensor() : mask.to(device)};
}

at::Tensor last_position(const at::Tensor& hidden) { return hidden.narrow(1, hidden.size(1) - 1, 1); }

at::Tensor exact(const at::Tensor& positions) {
    return positions.select(1, positions.size(1) - 1).to(at::kCPU, at::kDouble);
}

Readings read_pass(const model::Decoder& decoder, const RowPointers& rows, std::int64_t layer,
                   std::int64_t block_layer) {
    std::int64_t length = 0;
    for (const EditRow* row : rows) length = std::max(length, static_cast<std::int64_t>(row->subject_last) + 1);
    const model::Batch batch = ending_at_subject(rows, length, decoder.device());
    const model::Context context = decoder.context(batch);
    at::Tensor hidden = decoder.embed(batch.ids, context);
    const std::int64_t last = std::max(layer, block_layer);
    Readings readings;
    for (std::int64_t l = 0; l <= last; ++l) {
        at::Tensor stream = decoder.after_attention(l, hidden, context);
        if (l == last) {
            hidden = last_position(hidden);
            stream = last_position(stream);
        }
        const at::Tensor key = decoder.mlp_key(l, hidden, stream), output = decoder.mlp_output(l, key);
        hidden = decoder.after_mlp(l, stream, output);
        if (l == layer) {
            readings.keys = exact(key);
            readings.outputs = exact(output);
        }
        if (l == block_layer) readings.blocks = exact(hidden);
    }
    return readings;
}

// All rows of all facts, shortest first, in passes of rows of much the same length; line i belongs to rows[i].
Readings read_all(const model::Decoder& decoder, const RowPointers& rows, std::int64_t layer,
                  std::int64_t block_layer) {
    std::vector<std::size_t> order(rows.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::ranges::stable_sort(order, {}, [&](std::size_t i) { return rows[i]->subject_last; });
    const auto config = decoder.config();
    const auto lines = static_cast<std::int64_t>(rows.size());
    Readings all{at::empty({lines, config.intermediate}, at::kDouble), at::empty({lines, config.hidden}, at::kDouble),
                 at::empty({lines, config.hidden}, at::kDouble)};
    for (std::size_t first = 0; first < order.size();) {
        RowPointers pass;
        std::vector<std::int64_t> which;
        std::size_t end = first;
        while (end < order.size()) {
            const auto length = static_cast<std::int64_t>(rows[order[end]]->subject_last) + 1;
            if (end > first && length * static_cast<std::int64_t>(pass.size() + 1) > kTokensPerPass) break;
            pass.push_back(rows[order[end]]);
            which.push_back(static_cast<std::int64_t>(order[end++]));
        }
        const Readings some = read_pass(decoder, pass, layer, block_layer);
        const at::Tensor index = at::tensor(which, at::kLong);
        all.keys.index_copy_(0, index, some.keys);
        all.outputs.index_copy_(0, index, some.outputs);
        all.blocks.index_copy_(0, index, some.blocks);
        first = end;
    }
    return all;
}

void check_request(const model::Decoder& decoder, std::span<const std::vector<EditRow>> rows,
                   std::span<const double> weights, std::int64_t layer, std::int64_t block_layer) {
    const std::int64_t layers = decoder.config().layers;
    if (layer < 0 || layer >= layers || block_layer < 0 || block_layer >= layers) {
        fail(ErrorKind::kUsage, "keys are wanted at layer {} and states at layer {}, the model has layers 0 to {}",
             layer, block_layer, layers - 1);
    }
    for (const std::vector<EditRow>& of_fact : rows) {
        NEPENTHE_CHECK(of_fact.size() == weights.size() && !of_fact.empty());
    }
}

}  // namespace

std::vector<FactKeys> gather_keys(const model::Decoder& decoder, std::span<const std::vector<EditRow>> rows,
                                  std::span<const double> weights, std::int64_t layer, std::int64_t block_layer) {
    check_request(decoder, rows, weights, layer, block_layer);
    const at::NoGradGuard no_grad;
    RowPointers flat;
    for (const std::vector<EditRow>& of_fact : rows) {
        for (const EditRow& row : of_fact) flat.push_back(&row);
    }
    const Readings all = read_all(decoder, flat, layer, block_layer);
    const auto per_fact = static_cast<std::int64_t>(weights.size());
    const at::Tensor mean = at::tensor(std::vector<double>(weights.begin(), weights.end()), at::kDouble);
    std::vector<FactKeys> keys;
    for (std::int64_t first = 0; first < all.keys.size(0); first += per_fact) {
        keys.push_back({at::mv(all.keys.narrow(0, first, per_fact).t(), mean),
                        at::mv(all.outputs.narrow(0, first, per_fact).t(), mean), all.keys[first].clone(),
                        all.outputs[first].clone(), all.blocks[first].clone(),
                        at::mv(all.blocks.narrow(0, first, per_fact).t(), mean)});
    }
    return keys;
}

}  // namespace nepenthe::edit
