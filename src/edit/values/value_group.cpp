#include "edit/values/value_group.h"

#include "base/error.h"

#include <torch/types.h>

#include <algorithm>
#include <limits>

namespace nepenthe::edit {

namespace {

// Rows of token ids as a padded batch: row r of ids[r][begin(r), end(r)).
template <typename Begin, typename End>
model::Batch padded(const std::vector<ValueRow>& rows, Begin begin, End end, bool left, at::Device device) {
    std::int64_t length = 0;
    for (const ValueRow& row : rows) length = std::max(length, end(row) - begin(row));
    const auto count = static_cast<std::int64_t>(rows.size());
    at::Tensor ids = at::zeros({count, length}, at::kLong), mask = at::zeros({count, length}, at::kBool);
    for (std::int64_t r = 0; r < count; ++r) {
        const ValueRow& row = rows[static_cast<std::size_t>(r)];
        const std::int64_t used = end(row) - begin(row), at = r * length + (left ? length - used : 0);
        std::copy_n(row.text->ids.begin() + begin(row), used, ids.mutable_data_ptr<std::int64_t>() + at);
        std::fill_n(mask.mutable_data_ptr<bool>() + at, used, true);
    }
    return {ids.to(device), mask.all().item<bool>() ? at::Tensor() : mask.to(device)};
}

// [row, position, hidden] → the rows at `places` of the flattened first two axes, as one sequence: [1, place, hidden].
at::Tensor pick(const at::Tensor& hidden, const at::Tensor& places) {
    return hidden.flatten(0, 1).index_select(0, places).unsqueeze(0);
}

}  // namespace

std::int64_t ValueRow::suffix() const {
    return held ? 1 : static_cast<std::int64_t>(text->ids.size() - text->subject_last);
}

std::int64_t ValueRow::first_supervised() const { return held ? 0 : suffix() - supervised(); }

std::vector<std::vector<ValueRow>> group_by_suffix(std::vector<ValueRow> rows) {
    // What a group costs beyond its positions, in positions: weights read once more, operators started once more.
    constexpr std::int64_t kGroupCost = 24;
    std::ranges::stable_sort(rows, {}, &ValueRow::suffix);
    // best[i]: cheapest way to cut the first i rows, the last group beginning at from[i].
    std::vector<std::int64_t> best(rows.size() + 1, std::numeric_limits<std::int64_t>::max());
    std::vector<std::size_t> from(rows.size() + 1, 0);
    best[0] = 0;
    for (std::size_t end = 1; end <= rows.size(); ++end) {
        // Groups begin where the length changes; others are never better.
        for (std::size_t begin = 0; begin < end; ++begin) {
            if (begin > 0 && rows[begin].suffix() == rows[begin - 1].suffix()) continue;
            const std::int64_t cost =
                best[begin] + kGroupCost + static_cast<std::int64_t>(end - begin) * rows[end - 1].suffix();
            if (cost < best[end]) {
                best[end] = cost;
                from[end] = begin;
            }
        }
    }
    std::vector<std::vector<ValueRow>> groups;
    for (std::size_t end = rows.size(); end > 0; end = from[end]) {
        groups.emplace_back(rows.begin() + static_cast<std::ptrdiff_t>(from[end]),
                            rows.begin() + static_cast<std::ptrdiff_t>(end));
    }
    return groups;
}

ValueGroup::ValueGroup(const model::Decoder& decoder, std::vector<ValueRow> rows, ValueSite site, std::int64_t layer)
    : decoder_(decoder), rows_(std::move(rows)), site_(site), layer_(layer), cache_(decoder.config().layers) {
    const at::NoGradGuard no_grad;
    fill_cache();
    suffix_ = padded(
        rows_, [](const ValueRow& row) { return static_cast<std::int64_t>(row.text->subject_last); },
        [](const ValueRow& row) { return static_cast<std::int64_t>(row.text->subject_last) + row.suffix(); }, false,
        decoder.device());
    context_ = decoder.context(suffix_, &cache_);
    compute_below();
    place_supervised();
}

// Keys and values of everything before the subject's last token: no delta reaches them.
void ValueGroup::fill_cache() {
    const model::Batch prefix = padded(
        rows_, [](const ValueRow&) { return std::int64_t{0}; },
        [](const ValueRow& row) { return static_cast<std::int64_t>(row.text->subject_last); }, true, decoder_.device());
    if (prefix.ids.size(1) > 0) {
        const model::Context context = decoder_.context(prefix, &cache_);
        at::Tensor hidden = decoder_.embed(prefix.ids, context);
        const std::int64_t last = decoder_.config().layers - 1;
        for (std::int64_t layer = 0; layer < last; ++layer) hidden = decoder_.block(layer, hidden, context);
        decoder_.attention_output(last, hidden, context);
    }
    cache_.freeze();
}

// The edited block and what stands below it, up to where delta is added.
void ValueGroup::compute_below() {
    at::Tensor hidden = decoder_.embed(suffix_.ids, context_);
    for (std::int64_t layer = 0; layer < layer_; ++layer) hidden = decoder_.block(layer, hidden, context_);
    const at::Tensor stream = decoder_.after_attention(layer_, hidden, context_);
    const at::Tensor output = decoder_.mlp_output(layer_, decoder_.mlp_key(layer_, hidden, stream));
    const at::Tensor block = decoder_.after_mlp(layer_, stream, output);
    stream_ = stream.narrow(1, 0, 1).contiguous();
    rest_ = block.narrow(1, 1, block.size(1) - 1).contiguous();
    site_states_ = (site_ == ValueSite::kMlpOutput ? output : block).select(1, 0).contiguous();
}

void ValueGroup::place_supervised() {
    std::vector<std::int64_t> places, facts;
    const std::int64_t length = suffix_.ids.size(1);
    for (std::size_t r = 0; r < rows_.size(); ++r) {
        const std::int64_t first = static_cast<std::int64_t>(r) * length + rows_[r].first_supervised();
        for (std::int64_t i = 0; i < rows_[r].supervised(); ++i) places.push_back(first + i);
        facts.push_back(rows_[r].fact);
    }
    supervised_ = at::tensor(places, at::kLong).to(decoder_.device());
    fact_of_row_ = at::tensor(facts, at::kLong).to(decoder_.device());
}

at::Tensor ValueGroup::forward(const at::Tensor& delta) {
    {
        const at::NoGradGuard no_grad;
        written_ = (site_states_.to(at::kFloat) + delta.to(decoder_.device()).index_select(0, fact_of_row_))
                       .to(site_states_.scalar_type());
    }
    written_.set_requires_grad(at::GradMode::is_enabled());
    const at::Tensor at_site = written_.unsqueeze(1);
    const at::Tensor first = site_ == ValueSite::kMlpOutput ? decoder_.after_mlp(layer_, stream_, at_site) : at_site;
    at::Tensor hidden = at::cat({first, rest_}, 1);
    const std::int64_t last = decoder_.config().layers - 1;
    for (std::int64_t layer = layer_ + 1; layer < last; ++layer) hidden = decoder_.block(layer, hidden, context_);
    if (layer_ == last) return pick(hidden, supervised_).squeeze(0);
    // Behind the last attention only the supervised positions count.
    const at::Tensor stream = pick(decoder_.after_attention(last, hidden, context_), supervised_);
    const at::Tensor key = decoder_.mlp_key(last, pick(hidden, supervised_), stream);
    return decoder_.after_mlp(last, stream, decoder_.mlp_output(last, key)).squeeze(0);
}

void ValueGroup::keep(const std::vector<std::int64_t>& which, const std::vector<std::int64_t>& new_facts) {
    const at::NoGradGuard no_grad;
    const at::Tensor index = at::tensor(which, at::kLong).to(decoder_.device());
    std::vector<ValueRow> rows;
    for (const std::int64_t r : which) {
        rows.push_back(rows_[static_cast<std::size_t>(r)]);
        rows.back().fact = new_facts[static_cast<std::size_t>(rows.back().fact)];
    }
    rows_ = std::move(rows);
    cache_ = cache_.select(index);
    cache_.freeze();
    suffix_.ids = suffix_.ids.index_select(0, index);
    if (suffix_.mask.defined()) suffix_.mask = suffix_.mask.index_select(0, index);
    context_ = decoder_.context(suffix_, &cache_);
    site_states_ = site_states_.index_select(0, index);
    stream_ = stream_.index_select(0, index);
    rest_ = rest_.index_select(0, index);
    written_ = at::Tensor();
    place_supervised();
}

}  // namespace nepenthe::edit
