// Which checkpoint `forget` keeps.

#include "unlearn/forget.h"

#include <gtest/gtest.h>

namespace nepenthe::unlearn {
namespace {

Checkpoint measured(std::int64_t step, double familiarity, double utility) {
    Checkpoint out;
    out.step = step;
    out.familiarity = familiarity;
    out.utility = utility;
    return out;
}

Checkpoint held_out(std::int64_t step, double loss) {
    Checkpoint out;
    out.step = step;
    out.holdout_loss = loss;
    return out;
}

TEST(BestCheckpoint, LowestFamiliarityWithinTheBudget) {
    const std::vector<Checkpoint> run{measured(0, .29, .60), measured(10, .10, .59), measured(20, .04, .57),
                                      measured(30, .01, .52)};
    EXPECT_EQ(best_checkpoint(run, std::nullopt), 3u);
    EXPECT_EQ(best_checkpoint(run, 0.035), 2u);
    EXPECT_EQ(best_checkpoint(run, 0.015), 1u);
    EXPECT_EQ(best_checkpoint(run, 0.0), std::nullopt);
}

TEST(BestCheckpoint, TiesGoToTheEarlierStep) {
    EXPECT_EQ(best_checkpoint({measured(0, .3, .6), measured(5, .1, .6), measured(9, .1, .6)}, 1.0), 1u);
}

TEST(BestCheckpoint, HeldOutLossWithoutMeasurements) {
    EXPECT_EQ(best_checkpoint({held_out(0, 1), held_out(5, 3), held_out(10, 2), held_out(15, 2.5)}, std::nullopt), 2u);
    EXPECT_EQ(best_checkpoint({Checkpoint{}, Checkpoint{}, Checkpoint{}}, std::nullopt),
              2u);  // nothing known: the last
    EXPECT_EQ(best_checkpoint({Checkpoint{}}, std::nullopt), std::nullopt);
}

TEST(ForgetOptions, PublishedDefaultsAreValid) {
    EXPECT_TRUE(ForgetOptions{}.validate().empty());
    ForgetOptions bad;
    bad.holdout_share = 1;
    bad.utility_budget = -1;
    bad.train.lr = -1;
    EXPECT_GE(bad.validate().size(), 3u);
}

}  // namespace
}  // namespace nepenthe::unlearn
