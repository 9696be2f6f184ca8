#include "fuzz/target.h"
#include "pipelines/list_entries.h"
#include "pipelines/recipe.h"
#include "pipelines/recipe_slurm.h"

using namespace nepenthe;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    fuzz::accepted(
        [&] {
            const auto recipe =
                pipelines::parse_recipe(fuzz::as_text(data, size), "/folder/recipe.json", {{"book", "a, \"b\"=@c"}});
            pipelines::CellResults results;
            for (const pipelines::RecipeStage& stage : recipe.stages) {
                const auto words = pipelines::stage_words(stage, results);
                fuzz::require(words.size() == stage.options.size(), "an option is a word");
                for (const std::string& word : words) {
                    fuzz::require(word.starts_with("--") && word.find('=') != std::string::npos, "a word has a value");
                }
                results[stage.name] = {fmt::format("/outputs/lr=1,2/{}", stage.verb),
                                       {{"summary", {{"layer", 3}, {"a.b", {{"value", 0.5}}}}}},
                                       ""};
            }
            const std::string script =
                pipelines::slurm_script(recipe, {"/one.sbatch", "/work", "/out", "", {"/r.json"}});
            for (const pipelines::RecipeStage& stage : recipe.stages) {
                fuzz::require(script.find("'--only'") != std::string::npos, "every cell is a job");
                fuzz::require(pipelines::cells_for(recipe, stage.name).back().name == stage.name, "a cell comes last");
            }
            for (const pipelines::RecipeTable& table : recipe.tables) {
                const Json filled = pipelines::filled_table(table, results);
                for (const Json& row : filled["rows"])
                    fuzz::require(row.size() == filled["columns"].size(), "a row has every column");
                pipelines::table_markdown(table, filled);
            }
        },
        ErrorKind::kUsage);
    return 0;
}
