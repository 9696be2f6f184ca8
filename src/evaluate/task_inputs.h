#pragma once
// What the tasks of an evaluation read, as digests: the files, documents, bundles and encoders that their results
// depend on, and nothing else that lies beside them.

#include "evaluate/evaluate.h"

#include <map>
#include <string>

namespace nepenthe::evaluate {

// Role → digest, for the tasks that `options` name. Throws as their readers do.
std::map<std::string, std::string> task_inputs(const EvaluateOptions& options);

}  // namespace nepenthe::evaluate
