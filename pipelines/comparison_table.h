#pragma once
// Results of several models as a table for people.

#include "pipelines/evaluation.h"

#include <string>
#include <vector>

namespace nepenthe::pipelines {

// One row a metric, one column a model, `earlier` ones first; then for every further model of `models` its change
// against the first column's with the 95 % interval, and the p-value of the paired test. What only two models together
// show (easyedit_locality, forget_quality …) has rows of its own. Below the table stands what each task left out.
// `comparisons` is evaluate::compare() by "first → other".
std::string comparison_table(const std::vector<NamedResults>& earlier, const std::vector<NamedResults>& models,
                             const Json& comparisons);

}  // namespace nepenthe::pipelines
