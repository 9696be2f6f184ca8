#pragma once
// What several models wrote behind the same prompts, for people.

#include "pipelines/evaluation.h"

#include <string>
#include <vector>

namespace nepenthe::pipelines {

// Some prompts of the task fluency, spread over all of them, with each model's completion below, `earlier` models
// first; behind a completion that is no text stands why. "" where that task was not measured.
std::string completions_beside(const std::vector<NamedResults>& earlier, const std::vector<NamedResults>& models);

}  // namespace nepenthe::pipelines
