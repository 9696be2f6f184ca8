#include "unlearn/start/frozen_start.h"

#include "base/error.h"
#include "base/hash.h"
#include "kernels/row_statistics.h"
#include "kernels/top_k.h"
#include "store/packing.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <span>
#include <string>

namespace nepenthe::unlearn {

namespace {

// Positions whose logits are held at once.
constexpr std::int64_t kRows = 64;

// Named tokens of every supervised position, [position, named], rising ids; what all others have together and what the
// label has, [position].
struct Distributions {
    std::vector<std::int32_t> ids;
    std::vector<float> probabilities, rest, of_label;
};

// Adds the largest entries of one row of logits.
void add_row(std::span<const float> logits, std::int64_t named, std::int64_t label, std::vector<std::int32_t>& scratch,
             Distributions& out) {
    std::vector<std::int32_t> top(static_cast<std::size_t>(named));
    kernels::row_top_k(logits, scratch, top);
    std::sort(top.begin(), top.end());
    const float total = kernels::row_log_sum_exp(logits);
    double sum = 0;
    for (const std::int32_t id : top) {
        out.ids.push_back(id);
        out.probabilities.push_back(std::exp(logits[static_cast<std::size_t>(id)] - total));
        sum += static_cast<double>(out.probabilities.back());
    }
    // Where all are named, what is missing is rounding.
    out.rest.push_back(top.size() == logits.size() ? 0.0f : static_cast<float>(std::max(1.0 - sum, 0.0)));
    out.of_label.push_back(std::exp(logits[static_cast<std::size_t>(label)] - total));
}

// In the decoder's own precision: against what it computes itself a model that has not moved loses nothing.
std::string distributions_of(const model::Decoder& decoder, const train::Sample& sample, std::int64_t named) {
    const at::NoGradGuard no_gradients;
    const auto integers = at::TensorOptions().dtype(at::kLong);
    const at::Tensor tokens = at::tensor(at::ArrayRef<text::TokenId>(sample.ids), integers).unsqueeze(0);
    std::vector<std::int64_t> positions, labels;
    for (std::size_t t = 0; t < sample.labels.size(); ++t) {
        if (sample.labels[t] == train::kIgnore) continue;
        positions.push_back(static_cast<std::int64_t>(t));
        labels.push_back(sample.labels[t]);
    }
    const at::Tensor hidden = decoder.hidden_states({tokens.to(decoder.device()), {}})[0].index_select(
        0, at::tensor(positions, at::kLong).to(decoder.device()));
    const std::int64_t predicted = std::ssize(positions);
    std::vector<std::int32_t> scratch;
    Distributions out;
    for (std::int64_t first = 0; first < predicted; first += kRows) {
        const at::Tensor rows = hidden.slice(0, first, std::min(first + kRows, predicted));
        const at::Tensor logits = decoder.head(rows).to(at::kCPU).contiguous();
        const auto vocabulary = static_cast<std::size_t>(logits.size(1));
        for (std::int64_t row = 0; row < logits.size(0); ++row) {
            const float* begin = logits.const_data_ptr<float>() + static_cast<std::size_t>(row) * vocabulary;
            add_row({begin, vocabulary}, std::min(named, logits.size(1)), labels[static_cast<std::size_t>(first + row)],
                    scratch, out);
        }
    }
    return store::Packer().add(out.ids).add(out.probabilities).add(out.rest).add(out.of_label).take();
}

}  // namespace

// What is known of one position.
struct FrozenStart::Row {
    std::span<const std::int32_t> ids;
    std::span<const float> probabilities;
    float rest;
    std::int64_t label;
    float of_label;

    train::Distribution as_it_was() const {
        return {{ids.begin(), ids.end()}, {probabilities.begin(), probabilities.end()}, rest};
    }

    // softmax(z − by · 1[label]): the label's share falls by exp(−by), everything is divided by what remains. The label
    // is named whatever its rank.
    train::Distribution lowered(double by) const {
        train::Distribution out = as_it_was();
        const auto place = std::ranges::lower_bound(out.ids, label);
        const auto index = place - out.ids.begin();
        if (place == out.ids.end() || *place != label) {
            out.ids.insert(place, label);
            out.probabilities.insert(out.probabilities.begin() + index, of_label);
            out.rest = std::max(out.rest - of_label, 0.0f);
        }
        float& own = out.probabilities[static_cast<std::size_t>(index)];
        own = static_cast<float>(static_cast<double>(own) * std::exp(-by));
        double total = static_cast<double>(out.rest);
        for (const float p : out.probabilities) total += static_cast<double>(p);
        for (float& p : out.probabilities) p = static_cast<float>(static_cast<double>(p) / total);
        out.rest = static_cast<float>(static_cast<double>(out.rest) / total);
        return out;
    }
};

std::vector<train::Sample> causal_samples(const TextBlocks& blocks) {
    std::vector<train::Sample> out;
    for (const auto& ids : blocks) out.push_back(train::causal_sample(ids));
    return out;
}

FrozenStart::FrozenStart(const dist::Comm& comm, const model::Decoder& decoder,
                         const std::vector<train::Sample>& samples, std::vector<std::size_t> wanted,
                         const std::filesystem::path& folder, std::int64_t named)
    : samples_(samples) {
    if (wanted.empty()) return;
    std::sort(wanted.begin(), wanted.end());
    wanted.erase(std::unique(wanted.begin(), wanted.end()), wanted.end());
    stored_as_.resize(samples.size());
    store::BlockOptions options;
    options.label = "what the model says of " + folder.filename().string() + " text";
    Sha256 digest;
    digest.update(std::to_string(named) + ";");
    for (std::size_t i = 0; i < wanted.size(); ++i) {
        const train::Sample& sample = samples[wanted[i]];
        stored_as_[wanted[i]] = i;
        options.costs.push_back(static_cast<double>(sample.ids.size()));
        digest.update(std::to_string(sample.ids.size()) + ":").update(std::as_bytes(std::span(sample.ids)));
        digest.update(std::as_bytes(std::span(sample.labels)));
    }
    options.key_digest = digest.hex();
    results_ = store::for_each_block(comm, folder, wanted.size(), options, [&](std::uint64_t i) {
        return distributions_of(decoder, samples[wanted[i]], named);
    });
}

template <typename Target>
train::Sample FrozenStart::with_targets(std::size_t i, const Target& target) const {
    train::Sample sample = samples_[i];
    sample.targets.assign(sample.ids.size(), {});
    const std::string bytes = results_->read(stored_as_[i]);
    Distributions from;
    store::Unpacker unpacker(bytes);
    NEPENTHE_CHECK(unpacker.read(from.ids).read(from.probabilities).read(from.rest).read(from.of_label).finished());
    if (from.of_label.empty()) return sample;
    const std::size_t named = from.ids.size() / from.of_label.size();
    std::size_t row = 0;
    for (std::size_t t = 0; t < sample.labels.size(); ++t) {
        if (sample.labels[t] == train::kIgnore) continue;
        sample.targets[t] = target(Row{std::span(from.ids).subspan(row * named, named),
                                       std::span(from.probabilities).subspan(row * named, named), from.rest[row],
                                       sample.labels[t], from.of_label[row]});
        ++row;
    }
    return sample;
}

train::Sample FrozenStart::sample(std::size_t i) const {
    return with_targets(i, [](const Row& row) { return row.as_it_was(); });
}

train::Sample FrozenStart::lowered(std::size_t i, double by) const {
    return with_targets(i, [by](const Row& row) { return row.lowered(by); });
}

}  // namespace nepenthe::unlearn
