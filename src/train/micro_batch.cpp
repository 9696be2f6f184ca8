#include "train/micro_batch.h"

#include "base/error.h"

#include <torch/types.h>

#include <algorithm>
#include <cmath>

namespace nepenthe::train {

namespace {

bool is_distribution(const Distribution& target, std::int64_t vocabulary) {
    double sum = static_cast<double>(target.rest);
    std::int64_t last = -1;
    bool fine = target.ids.size() == target.probabilities.size() && target.rest >= 0 && target.weight >= 0;
    for (std::size_t i = 0; fine && i < target.ids.size(); ++i) {
        fine = target.ids[i] > last && target.ids[i] < vocabulary && target.probabilities[i] >= 0;
        last = target.ids[i];
        sum += static_cast<double>(target.probabilities[i]);
    }
    return fine && std::abs(sum - 1.0) < 1e-4 && std::isfinite(target.weight);
}

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
    if (sample.targets.empty()) {
        return;
    }
    if (sample.targets.size() != sample.ids.size()) {
        fail(ErrorKind::kData, "a training sample has {} tokens but {} targets", sample.ids.size(),
             sample.targets.size());
    }
    for (std::size_t t = 0; t < sample.ids.size(); ++t) {
        if (sample.labels[t] != kIgnore && !is_distribution(sample.targets[t], vocabulary)) {
            fail(ErrorKind::kData, "the target of position {} is no distribution over a vocabulary of {}", t,
                 vocabulary);
        }
    }
}

Distribution target_of(const Sample& sample, std::size_t position) {
    if (!sample.targets.empty()) {
        return sample.targets[position];
    }
    return {{sample.labels[position]}, {1.0f}};
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
    std::vector<std::int64_t> supervised, labels;
    std::vector<Distribution> targets;
    const bool plain = std::ranges::all_of(samples, [](const Sample& sample) { return sample.targets.empty(); });
    for (std::size_t row = 0; row < samples.size(); ++row) {
        const Sample& sample = samples[row];
        std::int64_t* ids = micro.batch.ids.mutable_data_ptr<std::int64_t>() + row * length;
        std::copy(sample.ids.begin(), sample.ids.end(), ids);
        std::fill_n(mask.mutable_data_ptr<bool>() + row * length, sample.ids.size(), true);
        for (std::size_t t = 0; t < sample.labels.size(); ++t) {
            if (sample.labels[t] != kIgnore) {
                supervised.push_back(static_cast<std::int64_t>(row * length + t));
                labels.push_back(sample.labels[t]);
                if (!plain) targets.push_back(target_of(sample, t));
                micro.weight += plain ? 1.0 : static_cast<double>(targets.back().weight);
            }
        }
        micro.tokens += static_cast<std::int64_t>(sample.ids.size());
    }
    micro.batch.ids = micro.batch.ids.to(device);
    if (ragged) {
        micro.batch.mask = mask.to(device);
    }
    micro.supervised = at::tensor(supervised, at::kLong).to(device);
    micro.targets = plain ? Targets::of_tokens(at::tensor(labels, at::kLong).to(device)) : Targets::of(targets, device);
    return micro;
}

}  // namespace nepenthe::train
