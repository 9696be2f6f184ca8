#pragma once
// The facts of a file as items of a task, and what of the file is none.

#include "evaluate/evaluate.h"

#include <filesystem>
#include <functional>
#include <vector>

namespace nepenthe::evaluate {

struct FactItems {
    std::vector<edit::Fact> facts;
    std::vector<LeftOut> left_out;  // bad records (options.fact_options.skip_bad), prompts without an answer
};

// Reads options.limit facts as options.fact_options say. Throws as edit::read_facts does.
FactItems read_fact_items(const std::filesystem::path& file, const EvaluateOptions& options);

// Under options.fact_options.skip_bad, facts for which `encode` throws Error(kData) are left out and counted; otherwise
// nothing happens, and whoever encodes them for use reports them all.
void leave_out_unscorable(FactItems& items, const EvaluateOptions& options,
                          const std::function<void(const edit::Fact&)>& encode);

}  // namespace nepenthe::evaluate
