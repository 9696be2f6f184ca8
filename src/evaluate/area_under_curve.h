#pragma once
// How well scores tell two groups apart: the area under the ROC curve, its variance and its influence values.

#include "evaluate/statistics.h"

#include <span>
#include <vector>

namespace nepenthe::evaluate {

struct AreaUnderCurve {
    double wins = 0, pairs = 0;  // pairs of one item of either group; those of equal scores are won by half
    double value = 0;            // wins / pairs: P(positive > negative) + ½ P(equal); NaN where a group is empty
    // Item by item, `value` for those of neither group: their mean is `value`, and the variance of their mean is
    // DeLong's, S₁/m + S₀/n, S the sample variances of the structural components (DeLong et al. 1988). So is that of
    // differences between two classifiers on the same items, the covariances included. NaN where a group has fewer than
    // two items.
    std::vector<double> influence;
};

// `groups`: 1 for items that should score high, −1 for those that should score low, 0 for neither. Scores are finite.
AreaUnderCurve area_under_curve(std::span<const double> scores, std::span<const int> groups);

// ± 1.96 of DeLong's standard errors, within [0, 1]; NaN where the variance cannot be told: a group of fewer than two
// items, or groups that do not overlap, of which any sample may consist where the area is a little less than 1.
Interval delong95(const AreaUnderCurve& area);

}  // namespace nepenthe::evaluate
