#pragma once
// Averages over several tasks that papers put at the head of their tables.

#include "evaluate/evaluate.h"

#include <string>
#include <vector>

namespace nepenthe::evaluate {

// The names of the averages that come of these tasks.
std::vector<std::string> summary_tasks(const std::vector<std::string>& tasks);

// A task "wagle" where wmdp_bio and wmdp_cyber were measured: WAGLE's efficacy on WMDP, the mean of 1 − accuracy of
// both, and with mmlu its utility, that accuracy (Jia et al., arXiv 2410.17509; specs: objectives.md §1.5). Its rows
// are those tasks' items. Nothing otherwise.
std::vector<TaskResult> summary_rows(const std::vector<TaskResult>& results);

}  // namespace nepenthe::evaluate
