#pragma once
// A recipe as Slurm jobs: each cell in one of its own, with the resources that the recipe asks for it, behind those
// whose artefacts it reads; a last one goes through the whole recipe, finds everything made, and writes tables and
// summary.
// Nothing here is collective.

#include "base/error.h"
#include "base/json.h"
#include "pipelines/recipe.h"

#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace nepenthe::pipelines {

// Options of sbatch as a recipe or a stage gives them: {"nodes": 4, "time": "02:00:00"}. Adds a problem for each that
// is no long option of sbatch, that the chain itself sets, or whose value is neither text nor number.
std::map<std::string, std::string> read_slurm_options(const Json& written, const std::string& where,
                                                      Problems& problems);

// The cells that are `wanted` (a stage, or one cell) and all that they need, in order. Throws Error(kUsage) for a name
// that no stage or cell has.
std::vector<RecipeStage> cells_for(const Recipe& recipe, const std::string& wanted);

struct SlurmChain {
    std::filesystem::path jobscript, folder;  // what is submitted, and where from: the words' paths count from there
    std::filesystem::path outputs;            // where job scripts see whether a job gets on (jobscripts/job.sh)
    std::filesystem::path root;               // the checkout that the job script lies in; "" where in none
    std::vector<std::string> words;           // of `run`: the recipe and what it is run with
};

// A bash script that submits them; it prints a line a job.
std::string slurm_script(const Recipe& recipe, const SlurmChain& chain);

// Runs such a script and gives what it printed. Throws Error(kInputOutput) where it ends badly, with what was submitted
// until then.
std::string submit(const std::filesystem::path& script);

}  // namespace nepenthe::pipelines
