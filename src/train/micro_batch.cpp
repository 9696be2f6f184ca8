#include "train/micro_batch.h"

#include "base/error.h"
#include "train/loss.h"

#include <torch/types.h>

#include <algorithm>

namespace nepenthe::train {

namespace {

void check_sample(const Sample& sample, std::int64_t vocabulary) {
    if (sample.ids.empty()) {
        fail(ErrorKind::kData, "a training sample without tokens");
    }
    if (sample.labels.size() != sample.ids.size()) {
        fail(ErrorKind::kData, "a training sample has {} tokens but {} labels", sample.ids.size(),
             sample.labels.size());
    }
    for (std::size_t t = 0; t < sample.ids.size(); ++t) {
        const auto id = static_cast<std::int64_t>(sample.ids[t]);
        const std::int64_t label = sample.labels[t];
        if (id < 0 || id >= vocabulary) {
            fail(ErrorKind::kData, "token id {} at position {} is outside the vocabulary of {}", id, t, vocabulary);
        }
        if (label != kIgnore && (label < 0 || label >= vocabulary)) {
            fail(ErrorKind::kData, "label {} at position {} is outside the vocabulary of {}", label, t, vocabulary);
        }
    }
}

}  // namespace

MicroBatch make_micro_batch(const std::vector<Sample>& samples, std::int64_t vocabulary, at::Device device) {
    std::size_t length = 0;
    bool ragged = false;
    for (const Sample& sample : samples) {
        check_sample(sample, vocabulary);
        ragged = ragged || (length != 0 && sample.ids.size() != length);
        length = std::max(length, sample.ids.size());
    }
    const auto rows = static_cast<std::int64_t>(samples.size()), columns = static_cast<std::int64_t>(length);
    MicroBatch micro;
    micro.batch.ids = at::zeros({rows, columns}, at::kLong);
    at::Tensor mask = at::zeros({rows, columns}, at::kBool);
    std::vector<std::int64_t> supervised, targets;
    for (std::size_t row = 0; row < samples.size(); ++row) {
        const Sample& sample = samples[row];
        std::int64_t* ids = micro.batch.ids.mutable_data_ptr<std::int64_t>() + row * length;
        std::copy(sample.ids.begin(), sample.ids.end(), ids);
        std::fill_n(mask.mutable_data_ptr<bool>() + row * length, sample.ids.size(), true);
        for (std::size_t t = 0; t < sample.labels.size(); ++t) {
            if (sample.labels[t] != kIgnore) {
                supervised.push_back(static_cast<std::int64_t>(row * length + t));
                targets.push_back(sample.labels[t]);
            }
        }
        micro.tokens += static_cast<std::int64_t>(sample.ids.size());
    }
    micro.batch.ids = micro.batch.ids.to(device);
    if (ragged) {
        micro.batch.mask = mask.to(device);
    }
    micro.supervised = at::tensor(supervised, at::kLong).to(device);
    micro.targets = at::tensor(targets, at::kLong).to(device);
    return micro;
}

}  // namespace nepenthe::train
