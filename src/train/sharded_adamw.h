#pragma once
// AdamW whose fp32 masters and moments are sharded over ranks (ZeRO stage 1): each rank updates the slices that it
// owns, then all ranks gather the new weights in the compute dtype.

#include "dist/collectives.h"
#include "train/adamw.h"
#include "train/flat_layout.h"

#include <ATen/core/Tensor.h>

#include <array>
#include <functional>
#include <string_view>
#include <vector>

namespace nepenthe::train {

class ShardedAdamW {
  public:
    // What a checkpoint holds of each slice, all fp32.
    enum class State { kMaster, kFirstMoment, kSecondMoment };
    static constexpr std::array<State, 3> kStates = {State::kMaster, State::kFirstMoment, State::kSecondMoment};

    // Moves the parameters (in the layout's order, all of one dtype) into one flat buffer; they stay the same tensors
    // with the same content, and keep it when this object is gone.
    // `moving`: [shard_numel] bool or undefined; of all other weights there is no state, and no bit of theirs changes.
    ShardedAdamW(const FlatLayout& layout, const std::vector<at::Tensor>& parameters, dist::Collectives& collectives,
                 const at::Tensor& moving = {});

    // Collective. One step with this rank's gradients [shard_numel]; a bucket's weights travel while the next one is
    // updated. Weight decay is left to the layout's word on each parameter. Returns how many of this rank's weights
    // changed their bits, in the dtype that the forward pass reads.
    std::int64_t update(const AdamWStep& step, const at::Tensor& gradients);

    // Collective. Weights on all ranks as they are `factor` · `direction` [shard_numel] away from here, until
    // come_back(): to see a gradient there. What a checkpoint holds stays as it is.
    void step_aside(const at::Tensor& direction, double factor);
    void come_back();

    // This rank's slice of a bucket, fp32 [slice_numel]; weights that do not move have themselves as masters and
    // moments of zero.
    at::Tensor read(State state, std::size_t bucket) const;
    void write(State state, std::size_t bucket, const at::Tensor& values);
    // Collective. Makes the weights follow masters that were written from outside.
    void spread_masters();

  private:
    // What is stored of a bucket, writable: of weights that move, one behind the other.
    at::Tensor stored(State state, std::size_t bucket) const;
    at::Tensor moving_of(std::size_t bucket) const;
    void set_own_weights(const std::function<at::Tensor(std::size_t bucket)>& values);
    at::Tensor own_weights(std::size_t bucket) const;
    std::unique_ptr<dist::Work> gather(std::size_t bucket);

    const FlatLayout& layout_;
    dist::Collectives& collectives_;
    at::Tensor weights_;                         // [numel] compute dtype; the parameters are views of it
    at::Tensor moving_;                          // [shard_numel] bool; undefined: all move
    std::vector<std::int64_t> stored_begin_;     // by bucket, and the end: where its weights that move are stored
    std::vector<at::Tensor> left_;               // by bucket, while aside: this rank's weights as they were
    at::Tensor masters_;                         // [stored] fp32; undefined for fp32 weights, which are their own
    at::Tensor first_moments_, second_moments_;  // [stored] fp32
};

}  // namespace nepenthe::train
