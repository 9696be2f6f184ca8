#pragma once
// The loss of one sample on weights as they are, without a gradient.

#include "model/decoder.h"
#include "train/sample.h"

namespace nepenthe::unlearn {

struct SampleLoss {
    double sum = 0, weight = 0;  // of the supervised positions' losses, nats, and of their weights
};

// Not collective. In a forward pass of its own, so that no other sample changes its bits.
SampleLoss sample_loss(const model::Decoder& decoder, const train::Sample& sample);

}  // namespace nepenthe::unlearn
