#pragma once
// The options of `edit`: what to write, how, and what to do with an earlier run.

#include "base/json.h"
#include "edit/edit_options.h"
#include "edit/facts/facts.h"
#include "pipelines/edit_tune.h"
#include "pipelines/edit_utility.h"
#include "pipelines/options.h"
#include "pipelines/verb.h"

#include <filesystem>
#include <string>
#include <vector>

namespace nepenthe::pipelines {

struct EditRequest {
    CommonOptions common;
    std::filesystem::path model, facts, moments;
    std::vector<std::filesystem::path> values, before;  // earlier runs of `edit`
    edit::FactOptions fact_options;
    edit::EditOptions edit;
    TuneRequest tune;
    UtilityBudget utility;
    bool skip_evaluation = false;
    bool as_published = false;
    std::string published_row;                // of another model
    Json published;                           // with as_published: {row, source, changed}, for the ledger
    std::vector<std::string> rollback;        // fact ids to take back, "all" = every one
    std::filesystem::path list;               // ledger to print
    std::vector<std::filesystem::path> diff;  // two ledgers to compare

    // Whether it writes facts, or is about an earlier run.
    bool writes() const { return rollback.empty() && list.empty() && diff.empty(); }

    // Reads the words. Throws HelpRequested or Error(kUsage) with every problem.
    static EditRequest parse(const Arguments& arguments);
};

}  // namespace nepenthe::pipelines
