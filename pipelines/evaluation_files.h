#pragma once
// The files of an evaluation's artefact that hold what was measured.

#include "pipelines/evaluation.h"
#include "store/artefact.h"

#include <string>
#include <vector>

namespace nepenthe::pipelines {

// The file of a task's rows.
std::string items_file(const std::string& model, std::string task);

// All models of a published evaluation. Throws Error(kData), with the option that named it, where it is none, and where
// a metric has changed its meaning since.
std::vector<NamedResults> read_evaluation(const store::Artefact& artefact, const std::string& option);

}  // namespace nepenthe::pipelines
