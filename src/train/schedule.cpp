#include "train/schedule.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace nepenthe::train {

double learning_rate(const TrainOptions& options, std::int64_t step, std::int64_t steps) {
    if (step <= options.warmup_steps) {
        return options.lr * static_cast<double>(step) / static_cast<double>(options.warmup_steps);
    }
    // The first step after warm-up (or the first of all) still has the full rate, the last one the final rate.
    const std::int64_t first = std::max<std::int64_t>(options.warmup_steps, 1);
    const std::int64_t span = steps - first;
    const double way =
        span <= 0 ? 0.0 : std::clamp(static_cast<double>(step - first) / static_cast<double>(span), 0.0, 1.0);
    const double low = options.lr * options.final_lr_share;
    switch (options.schedule) {
        case ScheduleKind::kConstant: return options.lr;
        case ScheduleKind::kLinear: return options.lr + (low - options.lr) * way;
        case ScheduleKind::kCosine: return low + (options.lr - low) * 0.5 * (1.0 + std::cos(std::numbers::pi * way));
    }
    return options.lr;
}

}  // namespace nepenthe::train
