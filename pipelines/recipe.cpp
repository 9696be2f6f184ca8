#include "pipelines/recipe.h"

#include "base/contains.h"
#include "base/error.h"
#include "base/json_keys.h"
#include "io/file.h"
#include "pipelines/written_options.h"

#include <algorithm>
#include <optional>

namespace nepenthe::pipelines {

namespace {

constexpr std::size_t kMostCells = 10'000;

// A stage as it is written, before it is set out in cells.
struct Template {
    RecipeStage stage;
    std::vector<std::string> options_of;  // axes whose members are options
    std::vector<std::string> axes;
};

// "label=@stage[*]" taken apart.
struct Reference {
    std::string prefix;  // "label=", or ""
    std::string stage;
    bool all = false;
    std::string path;  // of keys in the answer; "" is the artefact
};

struct Reader {
    Problems problems;
    std::map<std::string, std::string> variables;
    std::vector<RecipeAxis> axes;
    std::vector<Template> templates;
    Recipe recipe;

    const Template* find(std::string_view stage) const {
        const auto found = std::ranges::find(templates, stage,
                                             [](const Template& each) -> std::string_view { return each.stage.stage; });
        return found == templates.end() ? nullptr : &*found;
    }
    std::optional<Reference> reference_in(const std::string& text) const;
    Template read_template(const Json& written, std::size_t index);
    void check_references(const Template& read);
    Json resolved(const Json& written, const Place& place, Problems& found);
    std::vector<std::string> axes_of(const Template& read);
    Place place_of(const Template& stage, const Place& place) const;
    Json resolved_text(const std::string& text, const Place& place, Problems& found);
    void set_out(const Template& read);
    void read_tables(const Json& written);
};

// Nothing for a text that refers to no stage; a stage that there is not is left to check_references().
std::optional<Reference> Reader::reference_in(const std::string& text) const {
    std::size_t at = 0;
    if (!text.starts_with("@")) {
        at = text.find("=@");
        if (at == std::string::npos) return {};
        ++at;
    }
    Reference reference{text.substr(0, at), text.substr(at + 1), false, ""};
    if (find(reference.stage) != nullptr) return reference;
    if (reference.stage.ends_with("[*]") && find(reference.stage.substr(0, reference.stage.size() - 3)) != nullptr) {
        reference.stage.resize(reference.stage.size() - 3);
        reference.all = true;
        return reference;
    }
    for (std::size_t dot = reference.stage.rfind('.'); dot != std::string::npos && dot > 0;
         dot = reference.stage.rfind('.', dot - 1)) {
        if (find(std::string_view(reference.stage).substr(0, dot)) == nullptr) continue;
        reference.path = reference.stage.substr(dot + 1);
        reference.stage.resize(dot);
        return reference;
    }
    return reference;
}

Template Reader::read_template(const Json& written, std::size_t index) {
    const std::string where = fmt::format("stage {}", index + 1);
    const auto text = [&](const char* name) { return written.is_object() ? written.value(name, Json()) : Json(); };
    Template read;
    RecipeStage& stage = read.stage;
    if (!text("name").is_string() || !text("verb").is_string()) {
        problems.add("{}: needs \"name\" and \"verb\", both text", where);
        return read;
    }
    check_keys(written, {"name", "verb", "options", "options-of", "may-refuse", "help"}, where, problems);
    stage.stage = text("name").get<std::string>();
    stage.verb = text("verb").get<std::string>();
    if (find(stage.stage) != nullptr) problems.add("{}: the name \"{}\" is taken", where, stage.stage);
    if (stage.stage.find_first_of("[]") != std::string::npos)
        problems.add("{}: \"{}\": a name has no [ or ]", where, stage.stage);
    if (written.contains("may-refuse")) {
        if (written["may-refuse"].is_boolean())
            stage.may_refuse = written["may-refuse"].get<bool>();
        else
            problems.add("stage \"{}\": \"may-refuse\" is neither true nor false", stage.stage);
    }
    Json of = written.value("options-of", Json::array());
    if (of.is_string()) of = Json::array({of});
    for (const Json& axis : of) {
        const auto known =
            axis.is_string() ? std::ranges::find(axes, axis.get<std::string>(), &RecipeAxis::name) : axes.end();
        if (known == axes.end())
            problems.add("stage \"{}\": \"options-of\": {} is no axis of \"for\"", stage.stage, axis.dump());
        else
            read.options_of.push_back(known->name);
    }
    if (!written.contains("options")) return read;
    if (!written["options"].is_object()) {
        problems.add("stage \"{}\": \"options\" is no object", stage.stage);
        return read;
    }
    Problems found;
    check_written_options(written["options"], fmt::format("stage \"{}\"", stage.stage), "run", found);
    if (found.empty()) stage.options = written["options"];
    problems.add_all(found);
    return read;
}

void Reader::check_references(const Template& read) {
    Json copy = read.stage.options;
    for (auto& [name, value] : copy.items()) {
        for_each_string(value, [&](std::string& text) {
            const auto reference = reference_in(text);
            if (!reference) return;
            if (find(reference->stage) == nullptr)
                problems.add("stage \"{}\": \"{}\" names no earlier stage", read.stage.stage, text);
            else if (reference->all && !value.is_array())
                problems.add("stage \"{}\": \"{}\" is many: write it as an entry of a list", read.stage.stage, text);
        });
    }
}

// A text with its variables, or a list that a member is.
Json Reader::resolved_text(const std::string& text, const Place& place, Problems& found) {
    for (const auto& [axis, value] : place) {
        const std::string begin = "${" + axis + ".";
        if (!text.starts_with(begin) || !text.ends_with("}")) continue;
        const auto member = value->members.find(text.substr(begin.size(), text.size() - begin.size() - 1));
        if (member != value->members.end() && member->is_array()) return *member;
    }
    std::map<std::string, std::string> all = place_variables(place);
    all.insert(variables.begin(), variables.end());
    Json written = text;
    substitute_variables(written, all, found);
    return written;
}

// The axes that its options name, also through other stages.
std::vector<std::string> Reader::axes_of(const Template& read) {
    std::set<std::string> named(read.options_of.begin(), read.options_of.end());
    const auto note = [&](Json options) {
        for (const std::string& axis : axes_named(axes, options)) named.insert(axis);
        for_each_string(options, [&](std::string& text) {
            const auto reference = reference_in(text);
            const Template* const other = reference && !reference->all ? find(reference->stage) : nullptr;
            if (other != nullptr) named.insert(other->axes.begin(), other->axes.end());
        });
    };
    note(read.stage.options);
    for (const RecipeAxis& axis : axes) {
        if (!contains(read.options_of, axis.name)) continue;
        for (const AxisValue& value : axis.values) note(value.members);
    }
    return {named.begin(), named.end()};
}

// Where another stage's cell lies that has this place's values; fewer axes than it runs over, if this place has not
// all.
Place Reader::place_of(const Template& stage, const Place& place) const {
    Place there;
    for (const std::string& axis : stage.axes) {
        if (const auto at = place.find(axis); at != place.end()) there.insert(*at);
    }
    return there;
}

// Options of a cell: variables are filled in, references become objects; {"all": […]} for every cell of a stage.
Json Reader::resolved(const Json& written, const Place& place, Problems& found) {
    if (!written.is_string()) return written;
    const auto& text = written.get_ref<const std::string&>();
    const auto reference = reference_in(text);
    if (!reference) return resolved_text(text, place, found);
    const Template* const named = find(reference->stage);
    if (named == nullptr) return written;  // told already
    if (!reference->all) {
        return {{"cell", cell_name(reference->stage, axes, place_of(*named, place))},
                {"prefix", resolved_text(reference->prefix, place, found)},
                {"path", resolved_text(reference->path, place, found)}};
    }
    Json entries = Json::array();
    for (const Place& there : places(axes, named->axes)) {
        const bool same = std::ranges::all_of(there, [&](const auto& at) {
            const auto here = place.find(at.first);
            return here == place.end() || here->second == at.second;
        });
        if (!same) continue;
        const bool labelled = reference->prefix == "=";
        entries.push_back({{"cell", cell_name(reference->stage, axes, there)},
                           {"prefix", labelled ? cell_label(reference->stage, axes, there) + "=" : reference->prefix},
                           {"path", ""}});
    }
    return {{"all", entries}};
}

// The cells of a stage.
void Reader::set_out(const Template& read) {
    bool first = true;
    for (const Place& place : places(axes, read.axes)) {
        Problems repeated;  // the same for every cell
        Problems& found = first ? problems : repeated;
        first = false;
        RecipeStage cell = read.stage;
        cell.name = cell_name(read.stage.stage, axes, place);
        for (const auto& [axis, value] : place) cell.labels[axis] = value->label;
        for (const std::string& axis : read.options_of) {
            for (const auto& [name, value] : place.at(axis)->members.items()) {
                if (cell.options.contains(name))
                    found.add("stage \"{}\": \"{}\" is an option of the stage and of \"{}\"", read.stage.stage, name,
                              axis);
                cell.options[name] = value;
            }
        }
        const auto note = [&](const std::string& option, const Json& reference) {
            cell.needs.insert(reference["cell"].get<std::string>());
            if (!reference["path"].get_ref<const std::string&>().empty()) cell.answered.insert(option);
        };
        for (auto& [option, value] : cell.options.items()) {
            if (!value.is_array()) {
                value = resolved(value, place, found);
                if (value.is_object() && value.contains("cell")) note(option, value);
                continue;
            }
            Json entries = Json::array();
            for (const Json& entry : value) {
                const Json done = resolved(entry, place, found);
                if (done.is_object() && done.contains("all")) {
                    for (const Json& each : done["all"]) entries.push_back(each);
                } else if (done.is_array()) {
                    for (const Json& each : done) entries.push_back(each);
                } else {
                    entries.push_back(done);
                }
            }
            for (const Json& entry : entries) {
                if (entry.is_object()) note(option, entry);
            }
            value = std::move(entries);
        }
        recipe.stages.push_back(std::move(cell));
    }
}

void Reader::read_tables(const Json& written) {
    if (!written.is_array()) {
        problems.add("\"tables\" is no list");
        return;
    }
    for (std::size_t i = 0; i < written.size(); ++i) {
        const Json& entry = written[i];
        const std::string where = fmt::format("table {}", i + 1);
        Json of = entry.is_object() ? entry.value("of", Json()) : Json();
        if (of.is_string()) of = Json::array({of});
        if (!entry.is_object() || !entry.value("title", Json()).is_string() || !of.is_array() || of.empty() ||
            !entry.value("columns", Json()).is_array() || entry["columns"].empty()) {
            problems.add("{}: needs a \"title\", \"of\" (a stage, or a list of them) and a list of \"columns\"", where);
            continue;
        }
        check_keys(entry, {"title", "of", "columns", "help"}, where, problems);
        RecipeTable table;
        table.title = entry["title"].get<std::string>();
        std::vector<const Template*> stages;
        for (const Json& name : of) {
            stages.push_back(name.is_string() ? find(name.get<std::string>()) : nullptr);
            if (stages.back() == nullptr) problems.add("{}: there is no stage {}", where, name.dump());
        }
        std::vector<std::string> paths;
        for (const Json& column : entry["columns"]) {
            const Json said = column.is_object() && column.size() == 1 ? column.front() : Json();
            const Json path = said.is_object() ? said.value("value", Json()) : said;
            const Json percent = said.is_object() ? said.value("percent", Json(false)) : Json(false);
            if (!path.is_string() || !percent.is_boolean()) {
                problems.add(
                    "{}: a column is {{HEAD: PATH}} or {{HEAD: {{\"value\": PATH, \"percent\": true}}}}, not {}", where,
                    column.dump());
                continue;
            }
            if (said.is_object()) check_keys(said, {"value", "percent"}, where, problems);
            table.columns.push_back({column.begin().key(), percent.get<bool>()});
            paths.push_back(path.get<std::string>());
        }
        if (contains(stages, nullptr) || paths.size() != entry["columns"].size()) continue;
        if (stages.size() > 1) table.label_heads.emplace_back("stage");
        std::vector<std::string> shown;
        for (const RecipeAxis& axis : axes) {
            if (std::ranges::any_of(stages, [&](const Template* stage) { return contains(stage->axes, axis.name); })) {
                shown.push_back(axis.name);
                table.label_heads.push_back(axis.name);
            }
        }
        for (const Template* stage : stages) {
            for (const Place& place : places(axes, stage->axes)) {
                RecipeTable::Row row;
                row.cell = cell_name(stage->stage.stage, axes, place);
                if (stages.size() > 1) row.labels.push_back(stage->stage.stage);
                for (const std::string& axis : shown) {
                    const auto at = place.find(axis);
                    row.labels.push_back(at == place.end() ? "–" : at->second->label);
                }
                for (const std::string& path : paths) {
                    // An axis that this stage does not run over has no answer here, nor has a stage that does.
                    Problems ignored;
                    const auto reference = reference_in(path);
                    if (!reference || !reference->prefix.empty()) {
                        row.entries.push_back({row.cell, resolved_text(path, place, ignored).get<std::string>()});
                        continue;
                    }
                    const Template* const other = find(reference->stage);
                    if (other == nullptr || reference->path.empty()) {
                        problems.add("{}: \"{}\" is no part of a stage's answer", where, path);
                        continue;
                    }
                    const Place there = place_of(*other, place);
                    const bool whole = there.size() == other->axes.size();
                    row.entries.push_back({whole ? cell_name(reference->stage, axes, there) : "",
                                           resolved_text(reference->path, place, ignored).get<std::string>()});
                }
                table.rows.push_back(std::move(row));
            }
        }
        recipe.tables.push_back(std::move(table));
    }
}

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
    Reader reader;
    Problems& problems = reader.problems;
    Recipe& recipe = reader.recipe;
    check_keys(value, {"name", "help", "variables", "for", "stages", "tables"}, "recipe", problems);
    recipe.name = value.value("name", file.stem().string());
    // It becomes a file's name.
    if (recipe.name.empty() || recipe.name.find('/') != std::string::npos)
        problems.add("\"name\" is \"{}\"; it must be a name without \"/\"", recipe.name);
    recipe.folder = std::filesystem::absolute(file).parent_path();
    reader.variables = resolve_variables(value.value("variables", Json::object()), given, "the recipe", problems);
    if (value.contains("for")) reader.axes = read_axes(value["for"], problems);
    for (const RecipeAxis& axis : reader.axes) {
        if (reader.variables.contains(axis.name)) problems.add("\"{}\" is a variable and an axis", axis.name);
    }
    for (std::size_t i = 0; i < value["stages"].size(); ++i) {
        Template read = reader.read_template(value["stages"][i], i);
        reader.check_references(read);
        read.axes = reader.axes_of(read);
        std::size_t cells = 1;
        for (const RecipeAxis& axis : reader.axes) {
            if (contains(read.axes, axis.name)) cells = std::min(cells * axis.values.size(), kMostCells + 1);
        }
        if (recipe.stages.size() + cells > kMostCells) {
            problems.add("stage \"{}\": with its cells the recipe has more than {}", read.stage.stage, kMostCells);
            break;
        }
        reader.set_out(read);
        reader.templates.push_back(std::move(read));
    }
    if (value.contains("tables")) reader.read_tables(value["tables"]);
    problems.throw_if_any(ErrorKind::kUsage, file.string());
    return std::move(recipe);
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
