#include "pipelines/recipe_reader.h"

#include "base/contains.h"
#include "base/json_keys.h"
#include "pipelines/recipe_slurm.h"
#include "pipelines/written_options.h"

#include <algorithm>

namespace nepenthe::pipelines {

namespace {

constexpr std::size_t kMostCells = 10'000;

}  // namespace

RecipeReader::RecipeReader(std::map<std::string, std::string> variables, std::vector<RecipeAxis> axes,
                           Problems& problems)
    : variables_(std::move(variables)), axes_(std::move(axes)), problems_(problems) {
    for (const RecipeAxis& axis : axes_) {
        if (variables_.contains(axis.name)) problems_.add("\"{}\" is a variable and an axis", axis.name);
    }
}

const StageTemplate* RecipeReader::find(std::string_view stage) const {
    const auto found = std::ranges::find(
        templates_, stage, [](const StageTemplate& each) -> std::string_view { return each.stage.stage; });
    return found == templates_.end() ? nullptr : &*found;
}

std::optional<StageReference> RecipeReader::reference_in(const std::string& text) const {
    std::size_t at = 0;
    if (!text.starts_with("@")) {
        at = text.find("=@");
        if (at == std::string::npos) return {};
        ++at;
    }
    StageReference reference{text.substr(0, at), text.substr(at + 1), false, ""};
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

StageTemplate RecipeReader::read_template(const Json& written, std::size_t index) {
    const std::string where = fmt::format("stage {}", index + 1);
    const auto text = [&](const char* name) { return written.is_object() ? written.value(name, Json()) : Json(); };
    StageTemplate read;
    RecipeStage& stage = read.stage;
    if (!text("name").is_string() || !text("verb").is_string()) {
        problems_.add("{}: needs \"name\" and \"verb\", both text", where);
        return read;
    }
    check_keys(written, {"name", "verb", "options", "options-of", "may-refuse", "slurm", "help"}, where, problems_);
    stage.stage = text("name").get<std::string>();
    stage.verb = text("verb").get<std::string>();
    if (find(stage.stage) != nullptr) problems_.add("{}: the name \"{}\" is taken", where, stage.stage);
    if (stage.stage.find_first_of("[]") != std::string::npos)
        problems_.add("{}: \"{}\": a name has no [ or ]", where, stage.stage);
    if (written.contains("may-refuse")) {
        if (written["may-refuse"].is_boolean())
            stage.may_refuse = written["may-refuse"].get<bool>();
        else
            problems_.add("stage \"{}\": \"may-refuse\" is neither true nor false", stage.stage);
    }
    stage.slurm =
        read_slurm_options(written.value("slurm", Json::object()), fmt::format("stage \"{}\"", stage.stage), problems_);
    stage.slurm.insert(slurm.begin(), slurm.end());  // the stage's own come first
    Json of = written.value("options-of", Json::array());
    if (of.is_string()) of = Json::array({of});
    for (const Json& axis : of) {
        const auto known =
            axis.is_string() ? std::ranges::find(axes_, axis.get<std::string>(), &RecipeAxis::name) : axes_.end();
        if (known == axes_.end())
            problems_.add("stage \"{}\": \"options-of\": {} is no axis of \"for\"", stage.stage, axis.dump());
        else
            read.options_of.push_back(known->name);
    }
    if (!written.contains("options")) return read;
    if (!written["options"].is_object()) {
        problems_.add("stage \"{}\": \"options\" is no object", stage.stage);
        return read;
    }
    Problems found;
    check_written_options(written["options"], fmt::format("stage \"{}\"", stage.stage), "run", found);
    if (found.empty()) stage.options = written["options"];
    problems_.add_all(found);
    return read;
}

// The axes that its options name, also through other stages.
std::vector<std::string> RecipeReader::axes_of(const StageTemplate& read) const {
    std::set<std::string> named(read.options_of.begin(), read.options_of.end());
    const auto note = [&](Json options) {
        for (const std::string& axis : axes_named(axes_, options)) named.insert(axis);
        for_each_string(options, [&](std::string& text) {
            const auto reference = reference_in(text);
            const StageTemplate* const other = reference && !reference->all ? find(reference->stage) : nullptr;
            if (other != nullptr) named.insert(other->axes.begin(), other->axes.end());
        });
    };
    note(read.stage.options);
    for (const RecipeAxis& axis : axes_) {
        if (!contains(read.options_of, axis.name)) continue;
        for (const AxisValue& value : axis.values) note(value.members);
    }
    return {named.begin(), named.end()};
}

void RecipeReader::add_stage(const Json& written, std::size_t index) {
    StageTemplate read = read_template(written, index);
    read.axes = axes_of(read);
    std::size_t count = 1;
    for (const RecipeAxis& axis : axes_) {
        if (contains(read.axes, axis.name)) count = std::min(count * axis.values.size(), kMostCells + 1);
    }
    if (cells.size() + count > kMostCells)
        problems_.add("stage \"{}\": with its cells the recipe has more than {}", read.stage.stage, kMostCells);
    else
        set_out(read);
    templates_.push_back(std::move(read));
}

void RecipeReader::check_axes() {
    for (const RecipeAxis& axis : axes_) {
        if (!std::ranges::any_of(templates_, [&](const StageTemplate& each) { return contains(each.axes, axis.name); }))
            problems_.add("\"for\": no stage names \"${{{}}}\": leave \"{}\" out", axis.name, axis.name);
    }
}

void RecipeReader::add_tables(const Json& written) {
    if (!written.is_array()) {
        problems_.add("\"tables\" is no list");
        return;
    }
    for (std::size_t i = 0; i < written.size(); ++i) add_table(written[i], fmt::format("table {}", i + 1));
}

// A column's path: into the row's own answer, or with "@stage." into another's at the same place. Nothing where it is
// no path.
std::optional<RecipeTable::Entry> RecipeReader::entry_at(const std::string& path, const std::string& own_cell,
                                                         const Place& place, const std::string& where) {
    // What names an axis that this row does not run over has no answer here.
    Problems ignored;
    const auto reference = reference_in(path);
    if (!reference || !reference->prefix.empty())
        return RecipeTable::Entry{own_cell, substituted(path, place, ignored)};
    const StageTemplate* const other = find(reference->stage);
    if (other == nullptr || reference->path.empty()) {
        problems_.add("{}: \"{}\" is no part of a stage's answer", where, path);
        return {};
    }
    const Place there = place_of(*other, place);
    const bool whole = there.size() == other->axes.size();
    return RecipeTable::Entry{whole ? cell_name(reference->stage, axes_, there) : "",
                              substituted(reference->path, place, ignored)};
}

void RecipeReader::add_table(const Json& written, const std::string& where) {
    Json of = written.is_object() ? written.value("of", Json()) : Json();
    if (of.is_string()) of = Json::array({of});
    if (!written.is_object() || !written.value("title", Json()).is_string() || !of.is_array() || of.empty() ||
        !written.value("columns", Json()).is_array() || written["columns"].empty()) {
        problems_.add("{}: needs a \"title\", \"of\" (a stage, or a list of them) and a list of \"columns\"", where);
        return;
    }
    check_keys(written, {"title", "of", "columns", "help"}, where, problems_);
    RecipeTable table;
    table.title = written["title"].get<std::string>();
    std::vector<const StageTemplate*> stages;
    for (const Json& name : of) {
        stages.push_back(name.is_string() ? find(name.get<std::string>()) : nullptr);
        if (stages.back() == nullptr) problems_.add("{}: there is no stage {}", where, name.dump());
    }
    std::vector<std::string> paths;
    for (const Json& column : written["columns"]) {
        const Json said = column.is_object() && column.size() == 1 ? column.front() : Json();
        const Json path = said.is_object() ? said.value("value", Json()) : said;
        const Json percent = said.is_object() ? said.value("percent", Json(false)) : Json(false);
        if (!path.is_string() || !percent.is_boolean()) {
            problems_.add("{}: a column is {{HEAD: PATH}} or {{HEAD: {{\"value\": PATH, \"percent\": true}}}}, not {}",
                          where, column.dump());
            continue;
        }
        if (said.is_object()) check_keys(said, {"value", "percent"}, where, problems_);
        table.columns.push_back({column.begin().key(), percent.get<bool>()});
        paths.push_back(path.get<std::string>());
    }
    if (contains(stages, nullptr) || paths.size() != written["columns"].size()) return;

    if (stages.size() > 1) table.label_heads.emplace_back("stage");
    std::vector<std::string> shown;
    for (const RecipeAxis& axis : axes_) {
        if (std::ranges::any_of(stages, [&](const StageTemplate* each) { return contains(each->axes, axis.name); }))
            shown.push_back(axis.name);
    }
    table.label_heads.insert(table.label_heads.end(), shown.begin(), shown.end());
    for (const StageTemplate* stage : stages) {
        for (const Place& place : places(axes_, stage->axes)) {
            RecipeTable::Row row;
            row.cell = cell_name(stage->stage.stage, axes_, place);
            if (stages.size() > 1) row.labels.push_back(stage->stage.stage);
            for (const std::string& axis : shown) {
                const auto at = place.find(axis);
                row.labels.push_back(at == place.end() ? "–" : at->second->label);
            }
            for (const std::string& path : paths) {
                auto entry = entry_at(path, row.cell, place, where);
                if (!entry) return;
                row.entries.push_back(std::move(*entry));
            }
            table.rows.push_back(std::move(row));
        }
    }
    tables.push_back(std::move(table));
}

}  // namespace nepenthe::pipelines
