#pragma once
// The weights that training moves: their layout in flat buffers, and the tensors themselves with gradients switched on.

#include "model/decoder.h"
#include "train/flat_layout.h"
#include "train/objective.h"

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

namespace nepenthe::train {

// Weights that may move, one by one: all others are no part of the optimizer, have no moments and no decay, and do not
// count in the gradient's norm. Nothing set: all may.
struct MovingWeights {
    // 1 for each weight of `parameter` from `begin` on that may move, else 0.
    std::function<void(const std::string& parameter, std::int64_t begin, std::span<std::uint8_t> moves)> read;
    std::string digest;  // of what it says

    explicit operator bool() const { return static_cast<bool>(read); }
};

// Throws Error(kUsage) with every one of `modules` (model/family/families.h) that such a model does not have.
void require_modules(const model::DecoderConfig& config, const std::vector<std::string>& modules);

class TrainedWeights {
  public:
    // Those of `decoder` that the objective trains, but for those of `frozen` modules. Throws Error(kUsage) where there
    // is none, and as require_modules().
    TrainedWeights(const model::Decoder& decoder, const Objective& objective, std::int64_t bucket_bytes, int ranks,
                   const std::vector<std::string>& frozen = {});
    // Whatever way training ends, the decoder is handed back without a graph.
    ~TrainedWeights();
    TrainedWeights(const TrainedWeights&) = delete;
    TrainedWeights& operator=(const TrainedWeights&) = delete;

    const FlatLayout& layout() const { return layout_; }
    const std::vector<at::Tensor>& tensors() const { return tensors_; }  // in the layout's order

    // This rank's shard of the weights, [shard_numel] fp32 on the host; padding is zero.
    at::Tensor shard(int rank) const;

  private:
    FlatLayout layout_;
    std::vector<at::Tensor> tensors_;
};

// Of a rank's shard, [shard_numel] bool on the host; padding does not move. Undefined where all weights may move.
at::Tensor moving_shard(const FlatLayout& layout, const MovingWeights& moving, int rank);

}  // namespace nepenthe::train
