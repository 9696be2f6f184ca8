#include "train/schedule.h"

#include <gtest/gtest.h>

namespace nepenthe::train {
namespace {

TEST(Schedule, RisesThenFallsToTheFinalShare) {
    TrainOptions options;
    options.lr = 2.0;
    options.warmup_steps = 4;
    options.final_lr_share = 0.1;
    for (const ScheduleKind kind : {ScheduleKind::kLinear, ScheduleKind::kCosine}) {
        options.schedule = kind;
        EXPECT_DOUBLE_EQ(learning_rate(options, 1, 14), 0.5);
        EXPECT_DOUBLE_EQ(learning_rate(options, 4, 14), 2.0);
        EXPECT_DOUBLE_EQ(learning_rate(options, 9, 14), 1.1);
        EXPECT_DOUBLE_EQ(learning_rate(options, 14, 14), 0.2);
    }
    options.schedule = ScheduleKind::kConstant;
    EXPECT_DOUBLE_EQ(learning_rate(options, 14, 14), 2.0);
}

TEST(Schedule, StartsAtTheFullRateWithoutWarmup) {
    TrainOptions options;
    options.lr = 1.0;
    EXPECT_DOUBLE_EQ(learning_rate(options, 1, 5), 1.0);
    EXPECT_DOUBLE_EQ(learning_rate(options, 5, 5), 0.0);
    EXPECT_DOUBLE_EQ(learning_rate(options, 1, 1), 1.0);
}

TEST(TrainOptions, NamesEveryProblem) {
    TrainOptions options;
    EXPECT_TRUE(options.validate().empty());
    options.lr = -1;
    options.global_batch = 0;
    options.beta2 = 1;
    EXPECT_EQ(options.validate().size(), 3u);
}

}  // namespace
}  // namespace nepenthe::train
