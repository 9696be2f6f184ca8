#pragma once
// The gradients of one step: collected from autograd into one flat fp32 buffer, summed over micro-batches, and handed
// to the ranks that own them while the backward pass still goes on (Li et al., "PyTorch Distributed", 2020).
//
// A hook on each parameter folds its gradient into the buffer as soon as autograd has it and lets go of autograd's own
// tensor, so bf16 gradients are summed in fp32 and at most one copy of all gradients exists. In the last micro-batch
// of a step, a bucket whose parameters are all there is reduced at once; buckets leave in their fixed order on all
// ranks, whatever the order in which hooks fire.

#include "dist/collectives.h"
#include "dist/comm.h"
#include "train/fixed_point.h"
#include "train/flat_layout.h"

#include <ATen/core/Tensor.h>

#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

namespace nepenthe::train {

class GradientBuckets {
  public:
    // `parameters` in the layout's order; leaves that require a gradient. With `fixed` the sums over micro-batches and
    // ranks are taken in fixed point: no rank count changes their bits, at the price of 8 bytes an element and no
    // overlap. `moving`: [shard_numel] bool or undefined; what the shard holds of other weights is zero after finish().
    GradientBuckets(const FlatLayout& layout, std::vector<at::Tensor> parameters, dist::Collectives& collectives,
                    std::optional<FixedPoint> fixed, at::Tensor moving = {});
    ~GradientBuckets();
    GradientBuckets(const GradientBuckets&) = delete;
    GradientBuckets& operator=(const GradientBuckets&) = delete;

    void begin_step();
    // `last`: buckets may leave as they fill. A rank without a micro-batch calls neither this nor end_micro_batch.
    void begin_micro_batch(bool last);
    void end_micro_batch();

    // For gradients that bypass autograd: the parameter's place in the flat buffer, [numel] fp32, and whether its
    // content is to be overwritten (nothing of this sum is there yet).
    at::Tensor place(std::size_t parameter) const;
    bool is_fresh(std::size_t parameter) const { return !touched_[parameter]; }
    // Says that the caller wrote there. `complete`: autograd will bring nothing more for it in this micro-batch.
    void wrote(std::size_t parameter, bool finite, bool complete);

    // Collective. Counts what never came as zero, sends the remaining buckets and waits for all. Also to be called when
    // a backward pass failed, so that no other rank waits for ever. Throws only where this rank could not take part to
    // the end, and then others may wait for it.
    void finish();
    // What a hook could not throw in this step, or nullptr.
    std::exception_ptr failure() const { return failure_; }

    // What finish() left here: the sum over ranks of this rank's slices, fp32 [shard_numel], padding zero.
    const at::Tensor& shard() const { return shard_; }
    // Collective. Norm over all parameters; the same bits on all ranks, and for fixed point on any number of them.
    double norm(const dist::Comm& comm) const;
    // Names of the parameters whose gradients on this rank held NaN or infinity, or left the range of fixed point.
    const std::vector<std::string>& not_finite() const { return not_finite_; }

  private:
    struct Hook;
    void receive(std::size_t parameter, at::Tensor& gradient);
    void complete(std::size_t parameter);
    void send_ready();
    void send(std::size_t bucket);
    void add_fixed(std::size_t parameter);
    void remember(std::size_t parameter);

    const FlatLayout& layout_;
    std::vector<at::Tensor> parameters_;
    dist::Collectives& collectives_;
    std::optional<FixedPoint> fixed_;
    at::Tensor frozen_;      // [shard_numel] bool; undefined: nothing is
    std::thread::id owner_;  // the one thread that may call MPI

    at::Tensor flat_;                      // [numel] fp32
    at::Tensor fixed_flat_, fixed_shard_;  // int64, with fixed_ only
    at::Tensor shard_;                     // flat_ itself on a single rank
    std::vector<bool> touched_, completed_;
    std::vector<std::size_t> bucket_of_, missing_;  // by parameter; by bucket: parameters that are not complete
    std::size_t next_bucket_ = 0;
    bool sending_ = false;
    std::vector<std::unique_ptr<dist::Work>> under_way_;
    std::vector<std::string> not_finite_;
    std::exception_ptr failure_;
};

}  // namespace nepenthe::train
