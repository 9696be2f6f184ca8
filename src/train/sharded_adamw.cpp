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
                           dist::Collectives& collectives)
    : layout_(layout), collectives_(collectives) {
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
    const auto single = weights_.options().dtype(at::kFloat);
    first_moments_ = at::zeros({layout.shard_numel()}, single);
    second_moments_ = at::zeros({layout.shard_numel()}, single);
    if (weights_.scalar_type() != at::kFloat) {
        masters_ = at::empty({layout.shard_numel()}, single);
        for (std::size_t bucket = 0; bucket < layout.buckets.size(); ++bucket) {
            slice(State::kMaster, bucket).copy_(own_weights(bucket));
        }
    }
}

at::Tensor ShardedAdamW::own_weights(std::size_t bucket) const {
    return weights_.narrow(0, layout_.slice_begin(bucket, collectives_.rank()), layout_.slice_numel(bucket));
}

at::Tensor ShardedAdamW::slice(State state, std::size_t bucket) const {
    const std::int64_t begin = layout_.shard_offset(bucket), numel = layout_.slice_numel(bucket);
    switch (state) {
        case State::kMaster: return masters_.defined() ? masters_.narrow(0, begin, numel) : own_weights(bucket);
        case State::kFirstMoment: return first_moments_.narrow(0, begin, numel);
        case State::kSecondMoment: return second_moments_.narrow(0, begin, numel);
    }
    return {};
}

std::int64_t ShardedAdamW::update(const AdamWStep& step, const at::Tensor& gradients) {
    const at::NoGradGuard no_grad;
    std::int64_t changed = 0;
    std::vector<std::unique_ptr<dist::Work>> under_way;
    for (std::size_t bucket = 0; bucket < layout_.buckets.size(); ++bucket) {
        const at::Tensor master = slice(State::kMaster, bucket), weight = own_weights(bucket);
        const at::Tensor first = slice(State::kFirstMoment, bucket), second = slice(State::kSecondMoment, bucket);
        for (const FlatRange& range : owned_ranges(layout_, bucket, collectives_.rank())) {
            const std::int64_t at = range.shard_begin - layout_.shard_offset(bucket);
            const auto part = [&](const at::Tensor& of) { return of.narrow(0, at, range.numel); };
            AdamWStep mine = step;
            mine.weight_decay = layout_.parameters[range.parameter].decays ? step.weight_decay : 0.0;
            changed += adamw_update(mine, part(master), part(first), part(second),
                                    gradients.narrow(0, range.shard_begin, range.numel), part(weight));
        }
        if (layout_.ranks > 1) {
            under_way.push_back(gather(bucket));
        }
    }
    wait_for_all(under_way);
    return changed;
}

void ShardedAdamW::spread_masters() {
    const at::NoGradGuard no_grad;
    std::vector<std::unique_ptr<dist::Work>> under_way;
    for (std::size_t bucket = 0; bucket < layout_.buckets.size(); ++bucket) {
        if (masters_.defined()) {
            own_weights(bucket).copy_(slice(State::kMaster, bucket));
        }
        if (layout_.ranks > 1) {
            under_way.push_back(gather(bucket));
        }
    }
    wait_for_all(under_way);
}

std::unique_ptr<dist::Work> ShardedAdamW::gather(std::size_t bucket) {
    const FlatBucket& whole = layout_.buckets[bucket];
    const dist::ElementType type = element_type(weights_);
    const at::Tensor all = weights_.narrow(0, whole.begin, whole.numel());
    return collectives_.all_gather({own_weights(bucket).mutable_data_ptr(), {layout_.slice_numel(bucket)}, type},
                                   {all.mutable_data_ptr(), {whole.numel()}, type});
}

}  // namespace nepenthe::train
