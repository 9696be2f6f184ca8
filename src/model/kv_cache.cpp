#include "model/decoder.h"

#include "base/error.h"

#include <torch/types.h>

#include <algorithm>

namespace nepenthe::model {

namespace {

// The same tensor with room for `capacity` positions; what is there is kept.
at::Tensor grown(const at::Tensor& old, const at::Tensor& like, std::int64_t length, std::int64_t capacity) {
    at::Tensor storage = at::empty({like.size(0), like.size(1), capacity, like.size(3)}, like.options());
    if (length > 0) {
        storage.narrow(2, 0, length).copy_(old.narrow(2, 0, length));
    }
    return storage;
}

// `added` behind what is stored, whose sequences are repeated in turn where `added` holds more of them.
at::Tensor continued(const at::Tensor& stored, const at::Tensor& added) {
    if (stored.size(0) == added.size(0)) return at::cat({stored, added}, 2);
    const std::int64_t times = added.size(0) / stored.size(0);
    NEPENTHE_CHECK(times * stored.size(0) == added.size(0));
    const at::Tensor repeated = stored.unsqueeze(0).expand({times, -1, -1, -1, -1});
    return at::cat({repeated, added.unflatten(0, {times, stored.size(0)})}, 3).flatten(0, 1);
}

}  // namespace

KvCache::KvCache(std::int64_t layers) : layers_(static_cast<std::size_t>(layers)) {}

std::int64_t KvCache::length() const { return layers_.empty() ? 0 : layers_.front().length; }

std::pair<at::Tensor, at::Tensor> KvCache::append(std::int64_t layer, const at::Tensor& key, const at::Tensor& value) {
    NEPENTHE_CHECK(layer >= 0 && layer < static_cast<std::int64_t>(layers_.size()));
    Layer& stored = layers_[static_cast<std::size_t>(layer)];
    if (frozen_) {
        if (stored.length == 0) return {key, value};
        return {continued(stored.keys.narrow(2, 0, stored.length), key),
                continued(stored.values.narrow(2, 0, stored.length), value)};
    }
    const std::int64_t added = key.size(2), total = stored.length + added;
    if (!stored.keys.defined() || total > stored.keys.size(2)) {
        constexpr std::int64_t kFirstCapacity = 64;
        const std::int64_t capacity = std::max({kFirstCapacity, total, 2 * stored.length});
        stored.keys = grown(stored.keys, key, stored.length, capacity);
        stored.values = grown(stored.values, value, stored.length, capacity);
    }
    stored.keys.narrow(2, stored.length, added).copy_(key);
    stored.values.narrow(2, stored.length, added).copy_(value);
    stored.length = total;
    return {stored.keys.narrow(2, 0, total), stored.values.narrow(2, 0, total)};
}

KvCache KvCache::prefix(std::int64_t length) const {
    NEPENTHE_CHECK(length >= 0 && length <= this->length());
    KvCache start(static_cast<std::int64_t>(layers_.size()));
    for (std::size_t i = 0; i < layers_.size(); ++i) start.layers_[i] = {layers_[i].keys, layers_[i].values, length};
    if (mask.defined()) start.mask = mask.narrow(1, 0, length);
    start.freeze();
    return start;
}

KvCache KvCache::select(const at::Tensor& rows) const {
    KvCache chosen(static_cast<std::int64_t>(layers_.size()));
    for (std::size_t i = 0; i < layers_.size(); ++i) {
        const Layer& layer = layers_[i];
        if (!layer.keys.defined()) continue;
        chosen.layers_[i] = {layer.keys.narrow(2, 0, layer.length).index_select(0, rows),
                             layer.values.narrow(2, 0, layer.length).index_select(0, rows), layer.length};
    }
    if (mask.defined()) chosen.mask = mask.index_select(0, rows);
    if (route.defined()) chosen.route = route.index_select(0, rows);
    return chosen;
}

}  // namespace nepenthe::model
