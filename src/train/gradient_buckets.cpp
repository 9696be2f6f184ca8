#include "train/gradient_buckets.h"

#include "base/error.h"
#include "base/tree_sum.h"
#include "train/gradient_fold.h"

#include <torch/csrc/autograd/function_hook.h>
#include <torch/csrc/autograd/variable.h>
#include <torch/types.h>

#include <algorithm>
#include <cmath>

namespace nepenthe::train {

namespace {

dist::Buffer buffer_of(const at::Tensor& tensor, std::int64_t begin, std::int64_t numel, dist::ElementType type) {
    const at::Tensor slice = tensor.narrow(0, begin, numel);
    return {slice.mutable_data_ptr(), {numel}, type};
}

}  // namespace

struct GradientBuckets::Hook : torch::autograd::PostAccumulateGradHook {
    Hook(GradientBuckets& buckets, std::size_t parameter) : buckets_(buckets), parameter_(parameter) {}

    void operator()(const at::Tensor& tensor) override {
        try {
            buckets_.receive(parameter_, tensor.mutable_grad());
        } catch (...) {
            // Out of here it would leave autograd's threads in an undefined state.
            if (!buckets_.failure_) {
                buckets_.failure_ = std::current_exception();
            }
        }
    }

    GradientBuckets& buckets_;
    std::size_t parameter_;
};

GradientBuckets::GradientBuckets(const FlatLayout& layout, std::vector<at::Tensor> parameters,
                                 dist::Collectives& collectives, std::optional<FixedPoint> fixed, at::Tensor moving)
    : layout_(layout),
      parameters_(std::move(parameters)),
      collectives_(collectives),
      fixed_(fixed),
      frozen_(moving.defined() ? moving.logical_not() : moving),
      owner_(std::this_thread::get_id()) {
    NEPENTHE_CHECK(!parameters_.empty() && parameters_.size() == layout.parameters.size() &&
                   collectives.size() == layout.ranks);
    const auto options = at::TensorOptions(parameters_[0].device()).dtype(at::kFloat);
    flat_ = at::zeros({layout.numel}, options);
    const bool alone = layout.ranks == 1;
    shard_ = alone ? flat_ : at::zeros({layout.shard_numel()}, options);
    if (fixed_) {
        fixed_flat_ = at::zeros({layout.numel}, options.dtype(at::kLong));
        fixed_shard_ = alone ? fixed_flat_ : at::zeros({layout.shard_numel()}, options.dtype(at::kLong));
    }
    bucket_of_.resize(parameters_.size());
    for (std::size_t bucket = 0; bucket < layout.buckets.size(); ++bucket) {
        const FlatBucket& members = layout.buckets[bucket];
        std::fill_n(bucket_of_.begin() + static_cast<std::ptrdiff_t>(members.first_parameter), members.parameters,
                    bucket);
    }
    for (std::size_t i = 0; i < parameters_.size(); ++i) {
        torch::autograd::impl::set_post_acc_grad_hooks(parameters_[i], std::make_unique<Hook>(*this, i));
    }
    begin_step();
}

GradientBuckets::~GradientBuckets() {
    for (at::Tensor& parameter : parameters_) {
        torch::autograd::impl::post_acc_grad_hooks(parameter).reset();
    }
}

void GradientBuckets::begin_step() {
    touched_.assign(parameters_.size(), false);
    completed_.assign(parameters_.size(), false);
    missing_.clear();
    for (const FlatBucket& bucket : layout_.buckets) {
        missing_.push_back(bucket.parameters);
    }
    next_bucket_ = 0;
    sending_ = false;
    not_finite_.clear();
    failure_ = nullptr;
    if (fixed_) {
        fixed_flat_.zero_();
    }
}

void GradientBuckets::begin_micro_batch(bool last) {
    // Fixed-point sums are complete only when the whole micro-batch has been converted.
    sending_ = last && !fixed_;
    if (fixed_) {
        touched_.assign(parameters_.size(), false);
    }
}

void GradientBuckets::end_micro_batch() {
    for (std::size_t i = 0; fixed_ && i < parameters_.size(); ++i) {
        if (touched_[i]) {
            add_fixed(i);
        }
    }
}

at::Tensor GradientBuckets::place(std::size_t parameter) const {
    return flat_.narrow(0, layout_.parameters[parameter].offset, layout_.parameters[parameter].numel);
}

void GradientBuckets::receive(std::size_t parameter, at::Tensor& gradient) {
    const at::Tensor mine = std::move(gradient);
    gradient = at::Tensor();
    NEPENTHE_CHECK(!completed_[parameter]);  // a graph that brings one parameter twice would be cut off by the first
    const bool finite = fold_gradient(place(parameter), mine, is_fresh(parameter));
    wrote(parameter, finite, true);
}

void GradientBuckets::wrote(std::size_t parameter, bool finite, bool is_complete) {
    touched_[parameter] = true;
    if (!finite) {
        remember(parameter);
    }
    if (is_complete && sending_) {
        complete(parameter);
    }
}

void GradientBuckets::complete(std::size_t parameter) {
    completed_[parameter] = true;
    --missing_[bucket_of_[parameter]];
    // MPI was started for one thread. Autograd walks graphs of host tensors on the thread that called backward();
    // should it ever not, the buckets wait for finish(). NCCL may be called from its device threads.
    if (std::this_thread::get_id() == owner_ || !flat_.is_cpu()) {
        send_ready();
    }
}

void GradientBuckets::send_ready() {
    while (next_bucket_ < missing_.size() && missing_[next_bucket_] == 0) {
        send(next_bucket_++);
    }
}

void GradientBuckets::send(std::size_t bucket) {
    if (layout_.ranks == 1) {
        return;
    }
    const FlatBucket& whole = layout_.buckets[bucket];
    const auto type = fixed_ ? dist::ElementType::kInt64 : dist::ElementType::kFloat32;
    const at::Tensor& from = fixed_ ? fixed_flat_ : flat_;
    const at::Tensor& to = fixed_ ? fixed_shard_ : shard_;
    under_way_.push_back(collectives_.reduce_scatter_sum(
        buffer_of(from, whole.begin, whole.numel(), type),
        buffer_of(to, layout_.shard_offset(bucket), layout_.slice_numel(bucket), type)));
}

void GradientBuckets::finish() {
    for (std::size_t i = 0; i < parameters_.size(); ++i) {
        if (!touched_[i] && !fixed_) {
            place(i).zero_();
        }
    }
    missing_.assign(missing_.size(), 0);
    send_ready();
    for (const auto& work : under_way_) {
        work->wait();
    }
    under_way_.clear();
    if (frozen_.defined()) {
        (fixed_ ? fixed_shard_ : shard_).masked_fill_(frozen_, 0);
    }
    if (fixed_) {
        fixed_->to_float(shard_, fixed_shard_);
    }
}

double GradientBuckets::norm(const dist::Comm& comm) const {
    if (fixed_) {
        const at::Tensor mine = fixed_shard_.cpu();
        SquareLimbs limbs =
            exact_squares({mine.const_data_ptr<std::int64_t>(), static_cast<std::size_t>(mine.numel())});
        comm.all_reduce_sum(std::span<std::int64_t>(limbs));
        return std::sqrt(squares_value(limbs, fixed_->bits()));
    }
    std::vector<double> parts(static_cast<std::size_t>(comm.size()), 0.0);
    parts[static_cast<std::size_t>(comm.rank())] = sum_of_squares(shard_);
    comm.merge_owned(parts);
    return std::sqrt(tree_sum(parts));
}

void GradientBuckets::add_fixed(std::size_t parameter) {
    const FlatParameter& where = layout_.parameters[parameter];
    if (!fixed_->add(fixed_flat_.narrow(0, where.offset, where.numel), place(parameter), false)) {
        remember(parameter);
    }
}

void GradientBuckets::remember(std::size_t parameter) {
    const std::string& name = layout_.parameters[parameter].name;
    if (std::find(not_finite_.begin(), not_finite_.end(), name) == not_finite_.end()) {
        not_finite_.push_back(name);
    }
}

}  // namespace nepenthe::train
