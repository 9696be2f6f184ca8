#pragma once
// A recipe: stages in order, each a verb with options; later stages name earlier ones.
//
//   {"name": "oz",
//    "variables": {"model": {"help": "Hugging Face folder of Gemma 3 270M"}, "book": {"help": "…", "default":
//    "oz.txt"}}, "for": [{"alpha": [5, 10]}], "stages": [{"name": "reinforced", "verb": "train", "options": {"model":
//    "${model}", "corpus": "${book}"}},
//               {"name": "labels", "verb": "relabel", "options": {"reinforced": "@reinforced", "alpha": "${alpha}",
//               …}},
//               {"name": "results", "verb": "evaluate", "options": {"model": ["${model}", "=@forgot[*]"], …}}],
//    "tables": [{"title": "…", "of": "labels", "columns": [{"= text": "summary.agrees_with_text"}]}]}
//
// "@name" stands for the artefact folder of an earlier stage, "${name}" for a variable. Paths written in the recipe
// count from its folder, those given on the command line from the working folder. An entry of a list is one entry,
// whatever it holds; a text is what the option's word would be on the command line.
// "@name.path.of.keys" stands for a number, text or list in an earlier stage's answer. A stage that runs over axes
// (recipe_axes.h) is a cell for each combination; "@name" is then the cell at the same place, "@name[*]" an entry of a
// list for every cell, "=@name[*]" the same as LABEL=FOLDER. "slurm", of the recipe and of stages, holds options of
// sbatch (recipe_slurm.h).

#include "base/json.h"
#include "pipelines/recipe_axes.h"
#include "pipelines/recipe_table.h"

#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace nepenthe::pipelines {

// One cell: a stage at one place of its axes.
struct RecipeStage {
    std::string name, verb;                     // the cell's name: "forgot[alpha=5]"
    Json options = Json::object();              // references are objects {"cell", "prefix", "path"?}
    std::string stage;                          // as the recipe calls it: "forgot"
    std::map<std::string, std::string> labels;  // of its axes
    bool may_refuse = false;                    // a table says why, instead of the run's end
    std::set<std::string> needs;                // cells that its options name
    std::set<std::string> answered;             // options that hold a part of an answer
    std::map<std::string, std::string> slurm;   // sbatch's options for it, the recipe's own among them
};

struct Recipe {
    std::string name;
    std::filesystem::path folder;
    std::vector<RecipeStage> stages;
    std::vector<RecipeTable> tables;
    std::map<std::string, std::string> slurm;  // sbatch's options for every stage
};

// Checks a recipe and fills in the variables. Throws Error(kUsage) or Error(kData) with every problem: unknown keys,
// missing variables, references to stages that do not come before, values that are no words. Whether verbs and options
// exist is for `run` to see. `file` is where the text stands.
Recipe parse_recipe(std::string_view text, const std::filesystem::path& file,
                    const std::map<std::string, std::string>& variables);
Recipe read_recipe(const std::filesystem::path& file, const std::map<std::string, std::string>& variables);

// The command line of one cell; `results` holds those before it. Throws Error(kUsage) for a reference to what a cell
// has not.
std::vector<std::string> stage_words(const RecipeStage& stage, const CellResults& results);

}  // namespace nepenthe::pipelines
