#include "unlearn/frozen_start.h"

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

// Tokens that are named of a distribution; all others are one (train/targets.h). Of what Gemma 3 270M says of a novel
// the likeliest 32 hold .86 on average, 64 would hold .90.
constexpr std::int64_t kNamed = 32;
// Positions whose logits are held at once.
constexpr std::int64_t kRows = 64;

// Named tokens of every position but the last, [position, named], rising ids.
struct Distributions {
    std::vector<std::int32_t> ids;
    std::vector<float> probabilities;
};

// Adds the largest entries of one row of logits.
void add_row(std::span<const float> logits, std::int64_t named, std::vector<std::int32_t>& scratch,
             Distributions& out) {
    std::vector<std::int32_t> top(static_cast<std::size_t>(named));
    kernels::row_top_k(logits, scratch, top);
    std::sort(top.begin(), top.end());
    const float total = kernels::row_log_sum_exp(logits);
    for (const std::int32_t id : top) {
        out.ids.push_back(id);
        out.probabilities.push_back(std::exp(logits[static_cast<std::size_t>(id)] - total));
    }
}

// In the decoder's own precision: against what it computes itself a model that has not moved loses nothing.
std::string distributions_of(const model::Decoder& decoder, const std::vector<text::TokenId>& ids) {
    const at::NoGradGuard no_gradients;
    const auto integers = at::TensorOptions().dtype(at::kLong);
    const at::Tensor tokens = at::tensor(at::ArrayRef<text::TokenId>(ids), integers).unsqueeze(0);
    const at::Tensor hidden = decoder.hidden_states({tokens.to(decoder.device()), {}})[0];
    const std::int64_t predicted = std::ssize(ids) - 1;
    std::vector<std::int32_t> scratch;
    Distributions out;
    for (std::int64_t first = 0; first < predicted; first += kRows) {
        const at::Tensor rows = hidden.slice(0, first, std::min(first + kRows, predicted));
        const at::Tensor logits = decoder.head(rows).to(at::kCPU).contiguous();
        const auto vocabulary = static_cast<std::size_t>(logits.size(1));
        for (std::int64_t row = 0; row < logits.size(0); ++row) {
            const float* begin = logits.const_data_ptr<float>() + static_cast<std::size_t>(row) * vocabulary;
            add_row({begin, vocabulary}, std::min(kNamed, logits.size(1)), scratch, out);
        }
    }
    return store::Packer().add(out.ids).add(out.probabilities).take();
}

void set_targets(const Distributions& from, train::Sample& sample) {
    const std::size_t named = from.ids.size() / (sample.ids.size() - 1);
    sample.targets.resize(sample.ids.size());
    for (std::size_t t = 0; t + 1 < sample.ids.size(); ++t) {
        train::Distribution& target = sample.targets[t];
        double sum = 0;
        for (std::size_t i = t * named; i < (t + 1) * named; ++i) {
            target.ids.push_back(from.ids[i]);
            target.probabilities.push_back(from.probabilities[i]);
            sum += static_cast<double>(from.probabilities[i]);
        }
        target.rest = static_cast<float>(std::max(1.0 - sum, 0.0));
    }
}

}  // namespace

FrozenStart::FrozenStart(const dist::Comm& comm, const model::Decoder& decoder, const TextBlocks& blocks,
                         const std::vector<std::size_t>& drawn, const std::filesystem::path& folder)
    : blocks_(blocks), drawn_(drawn) {
    if (drawn.empty()) return;
    std::vector<std::size_t> wanted = drawn;
    std::sort(wanted.begin(), wanted.end());
    wanted.erase(std::unique(wanted.begin(), wanted.end()), wanted.end());
    stored_as_.resize(blocks.size());
    store::BlockOptions options;
    options.label = "what the model says of " + folder.filename().string() + " text";
    Sha256 digest;
    for (std::size_t i = 0; i < wanted.size(); ++i) {
        const std::vector<text::TokenId>& ids = blocks[wanted[i]];
        stored_as_[wanted[i]] = i;
        options.costs.push_back(static_cast<double>(ids.size()));
        digest.update(std::to_string(ids.size()) + ":").update(std::as_bytes(std::span(ids)));
    }
    options.key_digest = digest.hex();
    results_ = store::for_each_block(comm, folder, wanted.size(), options,
                                     [&](std::uint64_t i) { return distributions_of(decoder, blocks[wanted[i]]); });
}

train::Sample FrozenStart::sample(std::size_t i) const {
    train::Sample sample = train::causal_sample(blocks_[drawn_[i]]);
    if (sample.ids.size() < 2) return sample;
    const std::string bytes = results_->read(stored_as_[drawn_[i]]);
    Distributions distributions;
    store::Unpacker unpacker(bytes);
    NEPENTHE_CHECK(unpacker.read(distributions.ids).read(distributions.probabilities).finished());
    set_targets(distributions, sample);
    return sample;
}

}  // namespace nepenthe::unlearn
