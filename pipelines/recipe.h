#pragma once
// A recipe: stages in order, each a verb with options; later stages name earlier ones.
//
//   {"name": "oz",
//    "variables": {"model": {"help": "Hugging Face folder of Gemma 3 270M"}, "book": {"help": "…", "default":
//    "oz.txt"}}, "stages": [{"name": "reinforced", "verb": "train", "options": {"model": "${model}", "corpus":
//    "${book}"}},
//               {"name": "labels", "verb": "relabel", "options": {"reinforced": "@reinforced", …}}]}
//
// "@name" stands for the artefact folder of an earlier stage, "${name}" for a variable. Paths written in the recipe
// count from its folder, those given on the command line from the working folder. An entry of a list is one entry,
// whatever it holds; a text is what the option's word would be on the command line.

#include "base/json.h"

#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace nepenthe::pipelines {

struct RecipeStage {
    std::string name, verb;
    Json options = Json::object();
};

struct Recipe {
    std::string name;
    std::filesystem::path folder;
    std::vector<RecipeStage> stages;
};

// Checks a recipe and fills in the variables. Throws Error(kUsage) or Error(kData) with every problem: unknown keys,
// missing variables, references to stages that do not come before, values that are no words. Whether verbs and options
// exist is for `run` to see. `file` is where the text stands.
Recipe parse_recipe(std::string_view text, const std::filesystem::path& file,
                    const std::map<std::string, std::string>& variables);
Recipe read_recipe(const std::filesystem::path& file, const std::map<std::string, std::string>& variables);

// The command line of one stage; `artefacts` holds the folders of the stages before it.
std::vector<std::string> stage_words(const RecipeStage& stage,
                                     const std::map<std::string, std::filesystem::path>& artefacts);

}  // namespace nepenthe::pipelines
