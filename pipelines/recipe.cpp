#include "pipelines/recipe.h"

#include "base/error.h"
#include "io/file.h"
#include "pipelines/verb.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <functional>
#include <set>

namespace nepenthe::pipelines {

namespace {

// Calls `change` for every string inside `value`.
void for_each_string(Json& value, const std::function<void(std::string&)>& change) {
    if (value.is_string()) {
        change(value.get_ref<std::string&>());
    } else if (value.is_structured()) {
        for (Json& part : value) for_each_string(part, change);
    }
}

// Where the "@" of "@stage" or "label=@stage" stands; npos when the text refers to no stage.
std::size_t reference_at(const std::string& text) {
    if (text.starts_with("@")) return 0;
    const std::size_t equals = text.find("=@");
    return equals == std::string::npos ? equals : equals + 1;
}

// Replaces "${name}"; reports names that no variable has.
void substitute(std::string& text, const std::map<std::string, std::string>& variables, Problems& problems) {
    std::size_t begin = 0;
    while ((begin = text.find("${", begin)) != std::string::npos) {
        const std::size_t end = text.find('}', begin);
        if (end == std::string::npos) {
            problems.add("\"{}\": a \"${{\" without \"}}\"", text);
            return;
        }
        const std::string name = text.substr(begin + 2, end - begin - 2);
        const auto it = variables.find(name);
        if (it == variables.end()) {
            problems.add("\"{}\": there is no variable \"{}\"", text, name);
            begin = end;
            continue;
        }
        text.replace(begin, end - begin + 1, it->second);
        begin += it->second.size();
    }
}

void check_keys(const Json& object, const std::vector<std::string>& known, const std::string& where,
                Problems& problems) {
    for (const auto& [key, value] : object.items()) {
        if (std::find(known.begin(), known.end(), key) != known.end()) continue;
        const std::string near = nearest_name(key, known);
        problems.add("{}: unknown key \"{}\"{}", where, key, near.empty() ? "" : ", did you mean \"" + near + "\"?");
    }
}

std::map<std::string, std::string> resolve_variables(const Json& declared,
                                                     const std::map<std::string, std::string>& given,
                                                     Problems& problems) {
    std::map<std::string, std::string> values;
    for (const auto& [name, about] : declared.items()) {
        if (const auto it = given.find(name); it != given.end()) {
            // A path that the user names counts from where the user stands.
            values[name] =
                std::filesystem::exists(it->second) ? std::filesystem::absolute(it->second).string() : it->second;
        } else if (about.contains("default")) {
            values[name] = about["default"].get<std::string>();
        } else {
            problems.add("the recipe wants --set {}=… ({})", name, about.value("help", "no help given"));
        }
    }
    for (const auto& [name, value] : given) {
        if (!declared.contains(name)) problems.add("--set {}: the recipe has no such variable", name);
    }
    return values;
}

RecipeStage read_stage(const Json& value, std::size_t index, const std::set<std::string>& earlier, Problems& problems) {
    const std::string where = fmt::format("stage {}", index + 1);
    RecipeStage stage;
    if (!value.is_object() || !value.contains("name") || !value.contains("verb")) {
        problems.add("{}: needs \"name\" and \"verb\"", where);
        return stage;
    }
    check_keys(value, {"name", "verb", "options", "help"}, where, problems);
    stage.name = value["name"].get<std::string>();
    stage.verb = value["verb"].get<std::string>();
    if (value.contains("options")) stage.options = value["options"];
    if (earlier.count(stage.name) > 0) problems.add("{}: the name \"{}\" is taken", where, stage.name);
    for_each_string(stage.options, [&](std::string& text) {
        const std::size_t at = reference_at(text);
        if (at != std::string::npos && earlier.count(text.substr(at + 1)) == 0) {
            problems.add("stage \"{}\": \"{}\" names no earlier stage", stage.name, text);
        }
    });
    return stage;
}

}  // namespace

Recipe read_recipe(const std::filesystem::path& file, const std::map<std::string, std::string>& given) {
    const Json value = parse_json(io::read_file(file, 16u << 20), file.string());
    Problems problems;
    if (!value.is_object() || !value.contains("stages") || !value["stages"].is_array()) {
        fail(ErrorKind::kData, "{}: a recipe is an object with \"name\" and a list \"stages\"", file.string());
    }
    check_keys(value, {"name", "help", "variables", "stages"}, "recipe", problems);
    Recipe recipe;
    recipe.name = value.value("name", file.stem().string());
    recipe.folder = std::filesystem::absolute(file).parent_path();
    const auto variables = resolve_variables(value.value("variables", Json::object()), given, problems);
    std::set<std::string> names;
    for (std::size_t i = 0; i < value["stages"].size(); ++i) {
        RecipeStage stage = read_stage(value["stages"][i], i, names, problems);
        for_each_string(stage.options, [&](std::string& text) { substitute(text, variables, problems); });
        names.insert(stage.name);
        recipe.stages.push_back(std::move(stage));
    }
    problems.throw_if_any(ErrorKind::kUsage, file.string());
    for (const RecipeStage& stage : recipe.stages) find_verb(stage.verb);
    return recipe;
}

std::vector<std::string> stage_words(const RecipeStage& stage,
                                     const std::map<std::string, std::filesystem::path>& artefacts) {
    const auto word = [&](const Json& value) {
        if (!value.is_string()) return value.dump();
        const auto text = value.get<std::string>();
        const std::size_t at = reference_at(text);
        return at == std::string::npos ? text : text.substr(0, at) + artefacts.at(text.substr(at + 1)).string();
    };
    std::vector<std::string> words;
    for (const auto& [name, value] : stage.options.items()) {
        if (value.is_boolean()) {
            if (value.get<bool>()) words.push_back("--" + name);
        } else if (value.is_array()) {
            std::vector<std::string> parts;
            for (const Json& part : value) parts.push_back(word(part));
            words.push_back(fmt::format("--{}={}", name, fmt::join(parts, ",")));
        } else {
            words.push_back(fmt::format("--{}={}", name, word(value)));
        }
    }
    return words;
}

}  // namespace nepenthe::pipelines
