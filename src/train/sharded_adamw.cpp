#include "train/sharded_adamw.h"

#include "base/error.h"

#include <torch/types.h>

namespace nepenthe::train {

namespace {

dist::ElementType element_type(const at::Tensor& tensor) {
    return tensor.scalar_type() == at::kBFloat16 ? dist::ElementType::kBFloat16 : dist::ElementType::kFloat32;
}

void wait_for_all(std::vector<std::unique_ptr<dist::Work>>& under_way) {
    for (const auto& work : under_way) {
        work->wait();
    }
    under_way.clear();
}

}  // namespace

ShardedAdamW::ShardedAdamW(const FlatLayout& layout, const std::vector<at::Tensor>& parameters,
                           dist::Collectives& collectives, const at::Tensor& moving)
    : layout_(layout), collectives_(collectives), moving_(moving) {
    NEPENTHE_CHECK(!parameters.empty() && parameters.size() == layout.parameters.size());
    const at::NoGradGuard no_grad;
    weights_ = at::zeros({layout.numel}, parameters[0].options().requires_grad(false));
    for (std::size_t i = 0; i < parameters.size(); ++i) {
        const at::Tensor& parameter = parameters[i];
        NEPENTHE_CHECK(parameter.scalar_type() == weights_.scalar_type());
        const FlatParameter& where = layout.parameters[i];
        const at::Tensor view = weights_.narrow(0, where.offset, where.numel).view(parameter.sizes());
        view.copy_(parameter);
        parameter.set_data(view);
    }
    stored_begin_.push_back(0);
    for (std::size_t bucket = 0; bucket < layout.buckets.size(); ++bucket) {
        const std::int64_t numel =
            moving_.defined() ? moving_of(bucket).sum().item<std::int64_t>() : layout.slice_numel(bucket);
        stored_begin_.push_back(stored_begin_.back() + numel);
    }
    const auto single = weights_.options().dtype(at::kFloat);
    first_moments_ = at::zeros({stored_begin_.back()}, single);
    second_moments_ = at::zeros({stored_begin_.back()}, single);
    if (weights_.scalar_type() != at::kFloat) {
        masters_ = at::empty({stored_begin_.back()}, single);
        for (std::size_t bucket = 0; bucket < layout.buckets.size(); ++bucket) {
            write(State::kMaster, bucket, own_weights(bucket));
        }
    }
}

at::Tensor ShardedAdamW::own_weights(std::size_t bucket) const {
    return weights_.narrow(0, layout_.slice_begin(bucket, collectives_.rank()), layout_.slice_numel(bucket));
}

at::Tensor ShardedAdamW::moving_of(std::size_t bucket) const {
    return moving_.narrow(0, layout_.shard_offset(bucket), layout_.slice_numel(bucket));
}

at::Tensor ShardedAdamW::stored(State state, std::size_t bucket) const {
    const std::int64_t begin = stored_begin_[bucket], numel = stored_begin_[bucket + 1] - begin;
    switch (state) {
        case State::kMaster: return masters_.narrow(0, begin, numel);
        case State::kFirstMoment: return first_moments_.narrow(0, begin, numel);
        case State::kSecondMoment: return second_moments_.narrow(0, begin, numel);
    }
    return {};
}

at::Tensor ShardedAdamW::read(State state, std::size_t bucket) const {
    const bool of_weights = state == State::kMaster;
    if (of_weights && !masters_.defined()) return own_weights(bucket);
    if (!moving_.defined()) return stored(state, bucket);
    const auto single = weights_.options().dtype(at::kFloat);
    at::Tensor whole =
        of_weights ? own_weights(bucket).to(at::kFloat) : at::zeros({layout_.slice_numel(bucket)}, single);
    return whole.masked_scatter_(moving_of(bucket), stored(state, bucket));
}

void ShardedAdamW::write(State state, std::size_t bucket, const at::Tensor& values) {
    const at::NoGradGuard no_grad;
    if (state == State::kMaster && !masters_.defined()) {
        own_weights(bucket).copy_(values);
    } else {
        stored(state, bucket).copy_(moving_.defined() ? values.masked_select(moving_of(bucket)) : values);
    }
}

std::int64_t ShardedAdamW::update(const AdamWStep& step, const at::Tensor& gradients) {
    const at::NoGradGuard no_grad;
    at::Tensor changed = at::zeros({}, weights_.options().dtype(at::kLong));
    std::vector<std::unique_ptr<dist::Work>> under_way;
    for (std::size_t bucket = 0; bucket < layout_.buckets.size(); ++bucket) {
        std::int64_t place = stored_begin_[bucket];
        for (const FlatRange& range : owned_ranges(layout_, bucket, collectives_.rank())) {
            AdamWStep mine = step;
            mine.weight_decay = layout_.parameters[range.parameter].decays ? step.weight_decay : 0.0;
            const std::int64_t at = range.shard_begin - layout_.shard_offset(bucket);
            const at::Tensor weight = own_weights(bucket).narrow(0, at, range.numel);
            const at::Tensor gradient = gradients.narrow(0, range.shard_begin, range.numel);
            if (!moving_.defined()) {
                place = stored_begin_[bucket] + at;
                const auto part = [&](const at::Tensor& of) { return of.narrow(0, place, range.numel); };
                changed += adamw_update(mine, masters_.defined() ? part(masters_) : weight, part(first_moments_),
                                        part(second_moments_), gradient, weight);
                continue;
            }
            // The weights that move, side by side for the update, then back in their places.
            const at::Tensor moves = moving_.narrow(0, range.shard_begin, range.numel);
            const at::Tensor moved = weight.masked_select(moves);
            const auto part = [&](const at::Tensor& of) { return of.narrow(0, place, moved.numel()); };
            if (moved.numel() == 0) continue;
            changed += adamw_update(mine, masters_.defined() ? part(masters_) : moved, part(first_moments_),
                                    part(second_moments_), gradient.masked_select(moves), moved);
            at::Tensor(weight).masked_scatter_(moves, moved);
            place += moved.numel();
        }
        if (layout_.ranks > 1) {
            under_way.push_back(gather(bucket));
        }
    }
    wait_for_all(under_way);
    return changed.item<std::int64_t>();
}

void ShardedAdamW::set_own_weights(const std::function<at::Tensor(std::size_t bucket)>& values) {
    const at::NoGradGuard no_grad;
    std::vector<std::unique_ptr<dist::Work>> under_way;
    for (std::size_t bucket = 0; bucket < layout_.buckets.size(); ++bucket) {
        own_weights(bucket).copy_(values(bucket));
        if (layout_.ranks > 1) {
            under_way.push_back(gather(bucket));
        }
    }
    wait_for_all(under_way);
}

void ShardedAdamW::spread_masters() {
    set_own_weights([&](std::size_t bucket) { return read(State::kMaster, bucket); });
}

void ShardedAdamW::step_aside(const at::Tensor& direction, double factor) {
    NEPENTHE_CHECK(left_.empty());
    for (std::size_t bucket = 0; bucket < layout_.buckets.size(); ++bucket)
        left_.push_back(own_weights(bucket).clone());
    set_own_weights([&](std::size_t bucket) {
        const at::Tensor way = direction.narrow(0, layout_.shard_offset(bucket), layout_.slice_numel(bucket));
        return read(State::kMaster, bucket).add(way, factor);
    });
}

void ShardedAdamW::come_back() {
    NEPENTHE_CHECK(left_.size() == layout_.buckets.size());
    set_own_weights([&](std::size_t bucket) { return left_[bucket]; });
    left_.clear();
}

std::unique_ptr<dist::Work> ShardedAdamW::gather(std::size_t bucket) {
    const FlatBucket& whole = layout_.buckets[bucket];
    const dist::ElementType type = element_type(weights_);
    const at::Tensor all = weights_.narrow(0, whole.begin, whole.numel());
    return collectives_.all_gather({own_weights(bucket).mutable_data_ptr(), {layout_.slice_numel(bucket)}, type},
                                   {all.mutable_data_ptr(), {whole.numel()}, type});
}

}  // namespace nepenthe::train
