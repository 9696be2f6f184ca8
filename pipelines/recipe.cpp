#include "pipelines/recipe.h"

#include "base/error.h"
#include "io/file.h"
#include "pipelines/list_entries.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <array>
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
    if (!declared.is_object()) problems.add("\"variables\" is no object");
    const Json variables = declared.is_object() ? declared : Json::object();
    for (const auto& [name, about] : variables.items()) {
        const Json& text = about.is_object() ? about.value("default", Json()) : Json();
        const Json& help = about.is_object() ? about.value("help", Json("no help given")) : Json();
        if (!about.is_object() || !help.is_string() || !(text.is_string() || text.is_null())) {
            problems.add("variable \"{}\" is no object with \"help\" and perhaps a \"default\", both text", name);
            continue;
        }
        check_keys(about, {"help", "default"}, fmt::format("variable \"{}\"", name), problems);
        if (const auto it = given.find(name); it != given.end()) {
            // A path that the user names counts from where the user stands.
            std::error_code ignored;
            const bool path = !it->second.empty() && std::filesystem::exists(it->second, ignored);
            values[name] = path ? std::filesystem::absolute(it->second).string() : it->second;
        } else if (text.is_string()) {
            values[name] = text.get<std::string>();
        } else {
            problems.add("the recipe wants --set {}=… ({})", name, help.get<std::string>());
        }
    }
    for (const auto& [name, value] : given) {
        if (!declared.contains(name)) problems.add("--set {}: the recipe has no such variable", name);
    }
    return values;
}

// Options that a stage cannot have: the run's own decide, or they say something about the whole process.
constexpr std::array<const char*, 6> kOfTheRun{"outputs", "threads", "json", "verbose", "allow-links", "hang-timeout"};

void check_options(const RecipeStage& stage, Problems& problems) {
    for (const auto& [name, value] : stage.options.items()) {
        if (std::ranges::find(kOfTheRun, name) != kOfTheRun.end())
            problems.add("stage \"{}\": \"{}\" is the run's to say, give it to nepenthe run", stage.name, name);
        bool plain = !value.is_null() && !value.is_object();
        if (value.is_array()) {
            plain = !value.empty();
            for (const Json& entry : value) plain = plain && (entry.is_string() || entry.is_number());
        }
        if (!plain)
            problems.add("stage \"{}\": \"{}\" is {}, not text, a number, true, false or a list of them", stage.name,
                         name, value.is_array() && value.empty() ? "an empty list" : value.type_name());
    }
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
    check_options(stage, problems);
    for_each_string(stage.options, [&](std::string& option) {
        const std::size_t at = reference_at(option);
        if (at != std::string::npos && earlier.count(option.substr(at + 1)) == 0) {
            problems.add("stage \"{}\": \"{}\" names no earlier stage", stage.name, option);
        }
    });
    return stage;
}

// A value as the word, or the entry of a list, that it stands for.
std::string word_of(const Json& value, const std::map<std::string, std::filesystem::path>& artefacts) {
    if (!value.is_string()) return value.dump();
    const auto text = value.get<std::string>();
    const std::size_t at = reference_at(text);
    if (at == std::string::npos) return text;
    const auto found = artefacts.find(text.substr(at + 1));
    if (found == artefacts.end())
        fail(ErrorKind::kUsage, "\"{}\": no stage before this one makes an artefact of that name", text);
    return text.substr(0, at) + found->second.string();
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
    const auto variables = resolve_variables(value.value("variables", Json::object()), given, problems);
    std::set<std::string> names;
    for (std::size_t i = 0; i < value["stages"].size(); ++i) {
        RecipeStage stage = read_stage(value["stages"][i], i, names, problems);
        for_each_string(stage.options, [&](std::string& option) { substitute(option, variables, problems); });
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
    std::vector<std::string> words;
    for (const auto& [name, value] : stage.options.items()) {
        std::vector<std::string> entries;
        if (value.is_array()) {
            for (const Json& entry : value) entries.push_back(quoted_entry(word_of(entry, artefacts)));
        } else {
            entries.push_back(word_of(value, artefacts));
        }
        words.push_back(fmt::format("--{}={}", name, fmt::join(entries, ",")));
    }
    return words;
}

}  // namespace nepenthe::pipelines
