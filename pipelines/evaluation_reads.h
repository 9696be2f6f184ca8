#pragma once
// Which options of `evaluate` which tasks read: one that was given for nothing would seem to have counted.

#include "pipelines/options.h"

#include <string>
#include <vector>

namespace nepenthe::pipelines {

// Adds a problem for every option of a task that was said and that none of these tasks reads. `texts`: whether
// perplexities of texts are measured besides.
void check_tasks_read(const Options& options, const std::vector<std::string>& tasks, bool texts, Problems& problems);

}  // namespace nepenthe::pipelines
