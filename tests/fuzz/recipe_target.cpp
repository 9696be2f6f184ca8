#include "fuzz/target.h"
#include "pipelines/list_entries.h"
#include "pipelines/recipe.h"

using namespace nepenthe;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    fuzz::accepted(
        [&] {
            const auto recipe =
                pipelines::parse_recipe(fuzz::as_text(data, size), "/folder/recipe.json", {{"book", "a, \"b\"=@c"}});
            std::map<std::string, std::filesystem::path> artefacts;
            for (const pipelines::RecipeStage& stage : recipe.stages) {
                const auto words = pipelines::stage_words(stage, artefacts);
                fuzz::require(words.size() == stage.options.size(), "an option is a word");
                for (const std::string& word : words) {
                    fuzz::require(word.starts_with("--") && word.find('=') != std::string::npos, "a word has a value");
                }
                artefacts[stage.name] = fmt::format("/outputs/lr=1,2/{}", stage.verb);
            }
        },
        ErrorKind::kUsage);
    return 0;
}
