// Which checkpoint `forget` keeps.

#include "unlearn/forget.h"
#include "unlearn/objectives/labels.h"

#include <gtest/gtest.h>

#include <optional>
#include <vector>

namespace nepenthe::unlearn {
namespace {

Checkpoint measured(std::int64_t step, double familiarity, double utility,
                    std::optional<double> repetition = std::nullopt) {
    Checkpoint out;
    out.step = step;
    out.familiarity = familiarity;
    out.utility = utility;
    out.repetition = repetition;
    return out;
}

std::optional<std::size_t> best(const std::vector<Checkpoint>& run, std::optional<double> utility_budget = std::nullopt,
                                std::optional<double> repetition_budget = std::nullopt) {
    ForgetOptions options;
    options.utility_budget = utility_budget;
    options.repetition_budget = repetition_budget;
    return best_checkpoint(run, options);
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
    EXPECT_EQ(best(run), 3u);
    EXPECT_EQ(best(run, 0.035), 2u);
    EXPECT_EQ(best(run, 0.015), 1u);
    EXPECT_EQ(best(run, 0.0), std::nullopt);
}

// The first step measured of this run forgets most and has lost most of everything else.
TEST(BestCheckpoint, WithoutABudgetWeighsWhatIsLostAgainstWhatIsForgotten) {
    const std::vector<Checkpoint> run{measured(0, .47, .63), measured(18, .24, .36), measured(36, .26, .43)};
    EXPECT_EQ(best(run), 2u);
    EXPECT_EQ(best(run, 0.5), 1u);
    EXPECT_EQ(best({measured(0, .4, .5), measured(1, .2, .5), measured(2, .1, .6)}),
              2u);  // what is gained is no matter
    EXPECT_EQ(best({measured(0, 0, 0), measured(1, .2, .1), measured(2, .1, 0)}), 2u);
    EXPECT_EQ(best({Checkpoint{}, measured(1, .2, .1), measured(2, .1, 0)}), 2u);  // the start was not measured
}

// What forgets by damage repeats itself.
TEST(BestCheckpoint, LeavesOutStepsThatRepeatThemselves) {
    const std::vector<Checkpoint> run{measured(0, .29, .60, .16), measured(10, .01, .50, .40),
                                      measured(20, .03, .55, .22), measured(30, .05, .58, .17)};
    EXPECT_EQ(best(run, 0.2), 1u);
    EXPECT_EQ(best(run, 0.2, 0.1), 2u);
    EXPECT_EQ(best(run, 0.03, 0.1), 3u);
    EXPECT_EQ(best(run, 0.03, 0.001), std::nullopt);
    EXPECT_EQ(best({measured(0, .29, .60), measured(10, .01, .5)}, std::nullopt, 0.1), 1u);  // not measured
}

TEST(BestCheckpoint, TiesGoToTheEarlierStep) {
    EXPECT_EQ(best({measured(0, .3, .6), measured(5, .1, .6), measured(9, .1, .6)}, 1.0), 1u);
}

TEST(BestCheckpoint, HeldOutLossWithoutMeasurements) {
    EXPECT_EQ(best({held_out(0, 1), held_out(5, 3), held_out(10, 2), held_out(15, 2.5)}), 2u);
    EXPECT_EQ(best({Checkpoint{}, Checkpoint{}, Checkpoint{}}),
              2u);  // nothing known: the last
    EXPECT_EQ(best({Checkpoint{}}), std::nullopt);
}

TEST(ForgetOptions, PublishedDefaultsAreValid) {
    EXPECT_TRUE(ForgetOptions{}.validate().empty());
    LabelOptions labels;
    labels.holdout_share = 1;
    labels.targets.half_weight = -1;
    Problems problems;
    labels.check(problems);
    EXPECT_EQ(problems.items().size(), 2u);
    ForgetOptions bad;
    bad.utility_budget = bad.repetition_budget = -1;
    bad.train.lr = -1;
    EXPECT_EQ(bad.validate().size(), 3u);
}

}  // namespace
}  // namespace nepenthe::unlearn
