#include "edit/values/vocabulary_strips.h"

#include "edit/values/tile_products.h"
#include "kernels/vector_math.h"

#include <torch/types.h>

namespace nepenthe::edit {

namespace {

const std::uint16_t* bits_of(const at::Tensor& halves) {
    return reinterpret_cast<const std::uint16_t*>(halves.const_data_ptr<c10::BFloat16>());
}

}  // namespace

LaneStates::LaneStates(const at::Tensor& normed, std::int64_t lanes, bool half) {
    const std::int64_t blocks = (lanes + kLaneBlock - 1) / kLaneBlock, hidden = normed.size(1);
    const at::Tensor padded = at::zeros({blocks * kLaneBlock, hidden}, half ? at::kBFloat16 : at::kFloat);
    padded.narrow(0, 0, normed.size(0)).copy_(normed);
    lanes_ = half ? padded.view({blocks, kLaneBlock, hidden / 2, 2}).transpose(1, 2).contiguous()
                  : padded.view({blocks, kLaneBlock, hidden}).transpose(1, 2).contiguous();
}

const float* LaneStates::block(std::int64_t index) const {
    return lanes_.const_data_ptr<float>() + index * lanes_.stride(0);
}

const std::uint16_t* LaneStates::half_block(std::int64_t index) const {
    return bits_of(lanes_) + index * lanes_.stride(0);
}

VocabularyStrips::VocabularyStrips(const at::Tensor& unembedding, const LaneStates& states, std::int64_t most_ids,
                                   bool half)
    : unembedding_(unembedding),
      states_(states),
      half_(half),
      tiles_(half && has_tile_products() && fits_tiles(unembedding.size(1))),
      hidden_(unembedding.size(1)) {
    const auto numbers = static_cast<std::size_t>(most_ids * hidden_);
    if (half_) {
        pairs_.resize(numbers + static_cast<std::size_t>(hidden_));
    } else if (unembedding.scalar_type() != at::kFloat) {
        widened_.resize(numbers);
    }
}

bool VocabularyStrips::can_be_half(const at::Tensor& unembedding, const at::Tensor& normed) {
    return has_half_products() && unembedding.scalar_type() == at::kBFloat16 && normed.scalar_type() == at::kBFloat16 &&
           unembedding.size(1) % 2 == 0;
}

void VocabularyStrips::go_to(std::int64_t id, std::int64_t ids) {
    if (half_) {
        half_strip_ = {bits_of(unembedding_) + id * hidden_, ids, hidden_};
        interleave_rows(half_strip_, pairs_.data());
        return;
    }
    if (!widened_.empty()) {
        const c10::BFloat16* from = unembedding_.const_data_ptr<c10::BFloat16>() + id * hidden_;
        for (std::int64_t i = 0; i < ids * hidden_; ++i)
            widened_[static_cast<std::size_t>(i)] = kernels::load(from + i);
    }
    strip_ = {widened_.empty() ? unembedding_.const_data_ptr<float>() + id * hidden_ : widened_.data(), ids, hidden_};
}

void VocabularyStrips::logits(std::int64_t block, std::int64_t lanes, float* out) const {
    if (tiles_) return tile_logits(half_strip_, states_.half_block(block), out);
    if (half_) return half_strip_logits(half_strip_, states_.half_block(block), lanes, out);
    strip_logits(strip_, states_.block(block), lanes, out);
}

void VocabularyStrips::add_sums(const float* factors, std::int64_t lanes, float* sums) const {
    if (tiles_) return tile_sums(half_strip_, pairs_.data(), factors, lanes, sums);
    if (half_) return half_strip_sums(half_strip_, pairs_.data(), factors, lanes, sums);
    strip_sums(strip_, factors, lanes, sums);
}

void add_row(const at::Tensor& unembedding, std::int64_t id, float factor, float* sums) {
    const std::int64_t hidden = unembedding.size(1);
    if (unembedding.scalar_type() == at::kFloat) {
        const float* row = unembedding.const_data_ptr<float>() + id * hidden;
        for (std::int64_t d = 0; d < hidden; ++d) sums[d] += factor * row[d];
    } else {
        const c10::BFloat16* row = unembedding.const_data_ptr<c10::BFloat16>() + id * hidden;
        for (std::int64_t d = 0; d < hidden; ++d) sums[d] += factor * kernels::load(row + d);
    }
}

}  // namespace nepenthe::edit
