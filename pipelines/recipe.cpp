#include "pipelines/recipe.h"

#include "base/error.h"
#include "base/json_keys.h"
#include "io/file.h"
#include "pipelines/written_options.h"

#include <set>

namespace nepenthe::pipelines {

namespace {

// Where the "@" of "@stage" or "label=@stage" stands; npos when the text refers to no stage.
std::size_t reference_at(const std::string& text) {
    if (text.starts_with("@")) return 0;
    const std::size_t equals = text.find("=@");
    return equals == std::string::npos ? equals : equals + 1;
}

RecipeStage read_stage(const Json& value, std::size_t index, const std::set<std::string>& earlier, Problems& problems) {
    const std::string where = fmt::format("stage {}", index + 1);
    const auto text = [&](const char* name) { return value.is_object() ? value.value(name, Json()) : Json(); };
    RecipeStage stage;
    if (!text("name").is_string() || !text("verb").is_string()) {
        problems.add("{}: needs \"name\" and \"verb\", both text", where);
        return stage;
    }
    check_keys(value, {"name", "verb", "options", "help"}, where, problems);
    stage.name = text("name").get<std::string>();
    stage.verb = text("verb").get<std::string>();
    if (earlier.count(stage.name) > 0) problems.add("{}: the name \"{}\" is taken", where, stage.name);
    if (!value.contains("options")) return stage;
    if (!value["options"].is_object()) {
        problems.add("stage \"{}\": \"options\" is no object", stage.name);
        return stage;
    }
    stage.options = value["options"];
    check_written_options(stage.options, fmt::format("stage \"{}\"", stage.name), "run", problems);
    for_each_string(stage.options, [&](std::string& option) {
        const std::size_t at = reference_at(option);
        if (at != std::string::npos && earlier.count(option.substr(at + 1)) == 0) {
            problems.add("stage \"{}\": \"{}\" names no earlier stage", stage.name, option);
        }
    });
    return stage;
}

}  // namespace

Recipe parse_recipe(std::string_view text, const std::filesystem::path& file,
                    const std::map<std::string, std::string>& given) {
    const Json value = parse_json(text, file.string());
    Problems problems;
    if (!value.is_object() || !value.contains("stages") || !value["stages"].is_array() ||
        !value.value("name", Json("")).is_string()) {
        fail(ErrorKind::kData, "{}: a recipe is an object with \"name\" and a list \"stages\"", file.string());
    }
    check_keys(value, {"name", "help", "variables", "stages"}, "recipe", problems);
    Recipe recipe;
    recipe.name = value.value("name", file.stem().string());
    // It becomes a file's name.
    if (recipe.name.empty() || recipe.name.find('/') != std::string::npos)
        problems.add("\"name\" is \"{}\"; it must be a name without \"/\"", recipe.name);
    recipe.folder = std::filesystem::absolute(file).parent_path();
    const auto variables = resolve_variables(value.value("variables", Json::object()), given, "the recipe", problems);
    std::set<std::string> names;
    for (std::size_t i = 0; i < value["stages"].size(); ++i) {
        RecipeStage stage = read_stage(value["stages"][i], i, names, problems);
        substitute_variables(stage.options, variables, problems);
        names.insert(stage.name);
        recipe.stages.push_back(std::move(stage));
    }
    problems.throw_if_any(ErrorKind::kUsage, file.string());
    return recipe;
}

Recipe read_recipe(const std::filesystem::path& file, const std::map<std::string, std::string>& given) {
    return parse_recipe(io::read_file(file, 16u << 20), file, given);
}

std::vector<std::string> stage_words(const RecipeStage& stage,
                                     const std::map<std::string, std::filesystem::path>& artefacts) {
    return option_words(stage.options, [&](const std::string& text) {
        const std::size_t at = reference_at(text);
        if (at == std::string::npos) return text;
        const auto found = artefacts.find(text.substr(at + 1));
        if (found == artefacts.end())
            fail(ErrorKind::kUsage, "\"{}\": no stage before this one makes an artefact of that name", text);
        return text.substr(0, at) + found->second.string();
    });
}

}  // namespace nepenthe::pipelines
