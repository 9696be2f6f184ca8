#pragma once
// What tasks say of every block of the models, as tables for people.

#include "pipelines/evaluation.h"

#include <string>
#include <vector>

namespace nepenthe::pipelines {

// A table for each measure by layer: a row a layer, a column a model, `earlier` ones first; one column where the
// measure is the same for all of them. Empty where no task has any.
std::string layer_tables(const std::vector<NamedResults>& earlier, const std::vector<NamedResults>& models);

}  // namespace nepenthe::pipelines
