#pragma once
// The learning rate of a step as a pure function: nothing to save, nothing to restore.

#include "train/trainer.h"

#include <cstdint>

namespace nepenthe::train {

// Learning rate of step `step` (from 1) of `steps`. During warm-up it rises linearly, step w of W warm-up steps using
// lr * w / W; afterwards it goes from lr at the end of warm-up to lr * final_lr_share at the last step, along a line or
// half a cosine (Loshchilov and Hutter, "SGDR", 2017, without restarts), or stays.
double learning_rate(const TrainOptions& options, std::int64_t step, std::int64_t steps);

}  // namespace nepenthe::train
