#include "pipelines/recipe.h"

#include "base/error.h"
#include "base/json_keys.h"
#include "io/file.h"
#include "pipelines/recipe_reader.h"
#include "pipelines/recipe_slurm.h"
#include "pipelines/written_options.h"

#include <algorithm>

namespace nepenthe::pipelines {

namespace {

// The text of a part of an answer.
std::string part_text(const Json& part) { return part.is_string() ? part.get<std::string>() : part.dump(); }

Json with_results(const Json& value, const CellResults& results) {
    if (!value.is_object()) return value;
    const auto& cell = value["cell"].get_ref<const std::string&>();
    const auto& path = value["path"].get_ref<const std::string&>();
    const auto& prefix = value["prefix"].get_ref<const std::string&>();
    const auto found = results.find(cell);
    if (path.empty()) {
        if (found == results.end() || found->second.artefact.empty())
            fail(ErrorKind::kUsage, "\"@{}\": no stage before this one makes an artefact of that name", cell);
        return prefix + found->second.artefact.string();
    }
    const Json* part = found == results.end() ? nullptr : find_part(found->second.answer, path);
    if (part != nullptr && part->is_object() && part->contains("value")) part = &part->at("value");
    if (part == nullptr || part->is_object() || part->is_null())
        fail(ErrorKind::kUsage, "\"@{}.{}\": its answer has no number, text or list of that name", cell, path);
    if (!part->is_array()) return prefix + part_text(*part);
    Json entries = Json::array();
    for (const Json& entry : *part) entries.push_back(prefix + part_text(entry));
    return entries;
}

}  // namespace

Recipe parse_recipe(std::string_view text, const std::filesystem::path& file,
                    const std::map<std::string, std::string>& given) {
    const Json value = parse_json(text, file.string());
    if (!value.is_object() || !value.contains("stages") || !value["stages"].is_array() ||
        !value.value("name", Json("")).is_string()) {
        fail(ErrorKind::kData, "{}: a recipe is an object with \"name\" and a list \"stages\"", file.string());
    }
    Problems problems;
    Recipe recipe;
    check_keys(value, {"name", "help", "variables", "for", "slurm", "stages", "tables"}, "recipe", problems);
    recipe.name = value.value("name", file.stem().string());
    // It becomes a file's name, and part of a script.
    const auto is_control = [](unsigned char c) { return c < 0x20 || c == 0x7f; };
    if (recipe.name.empty() || recipe.name.find('/') != std::string::npos ||
        std::ranges::any_of(recipe.name, is_control))
        problems.add("\"name\" is {}; it must be a name without \"/\", on one line", Json(recipe.name).dump());
    recipe.folder = std::filesystem::absolute(file).parent_path();
    auto variables = resolve_variables(value.value("variables", Json::object()), given, "the recipe", problems);
    recipe.slurm = read_slurm_options(value.value("slurm", Json::object()), "the recipe", problems);
    for (auto& [option, said] : recipe.slurm) {
        Json filled = said;
        substitute_variables(filled, variables, problems);
        said = filled.get<std::string>();
    }
    RecipeReader reader(std::move(variables), read_axes(value.value("for", Json::array()), problems), problems);
    reader.slurm = recipe.slurm;
    for (std::size_t i = 0; i < value["stages"].size(); ++i) reader.add_stage(value["stages"][i], i);
    reader.check_axes();
    reader.add_tables(value.value("tables", Json::array()));
    problems.throw_if_any(ErrorKind::kUsage, file.string());
    recipe.stages = std::move(reader.cells);
    recipe.tables = std::move(reader.tables);
    return recipe;
}

Recipe read_recipe(const std::filesystem::path& file, const std::map<std::string, std::string>& given) {
    return parse_recipe(io::read_file(file, 16u << 20), file, given);
}

std::vector<std::string> stage_words(const RecipeStage& stage, const CellResults& results) {
    Json options = Json::object();
    for (const auto& [option, value] : stage.options.items()) {
        if (!value.is_array()) {
            options[option] = with_results(value, results);
            continue;
        }
        Json& entries = options[option] = Json::array();
        for (const Json& entry : value) {
            const Json done = with_results(entry, results);
            if (done.is_array())
                for (const Json& each : done) entries.push_back(each);
            else
                entries.push_back(done);
        }
    }
    return option_words(options);
}

}  // namespace nepenthe::pipelines
